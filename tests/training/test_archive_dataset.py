from __future__ import annotations

import csv
import math
from collections import Counter
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from obspy import Stream, Trace, UTCDateTime

from tests.support import RIDGECREST, SHARED, needs_shared
from umamba_rt.core.ids import SourceId
from umamba_rt.core.inventory import EMPTY, ChannelEpoch, Inventory
from umamba_rt.core.travel_time import first_p_s
from umamba_rt.training.archive_dataset import CutCounts, CutRules, archive_records
from umamba_rt.training.archive_windows import inventory_of
from umamba_rt.training.catalogue import CatalogueEvent, read_catalogue
from umamba_rt.training.record import LabelledRecord
from umamba_rt.training.split import split_of_event

BEGIN = UTCDateTime(2020, 1, 1)
COUNTS_PER_M_S = 1e9
DATA = SHARED / "data"


def event(second: float, magnitude: float = 4.0, name: str = "ev") -> CatalogueEvent:
    """An earthquake 0.4 degrees, some 44.5 km, north of the station."""
    origin_ns = int((BEGIN + second).ns)
    return CatalogueEvent(f"{name}{second:g}", origin_ns, 0.4, 0.0, 10.0, magnitude, "ML")


P_S = first_p_s(44.23, 10.0)


def archive(folder: Path, onsets: tuple[float, ...], seconds: int = 400) -> Path:
    """Noise of 100 counts at one station, and waves of 20,000 that begin at ``onsets``."""
    stream = Stream()
    for component in "ZNE":
        rng = np.random.default_rng(ord(component))
        samples = rng.normal(0, 100, seconds * 100)
        for onset in onsets:
            first = round(onset * 100)
            behind = np.arange(len(samples) - first)
            samples[first:] += 2e4 * np.exp(-behind / 800) * rng.normal(0, 1, len(behind))
        trace = Trace(samples.astype(np.int32))
        trace.id = f"AA.ONE..HH{component}"
        trace.stats.sampling_rate, trace.stats.starttime = 100.0, BEGIN
        stream.append(trace)
    path = folder / "archive.mseed"
    stream.write(str(path), format="MSEED")
    return path


def inventory() -> Inventory:
    def epoch(component: str) -> ChannelEpoch:
        azimuth, dip = {"Z": (0.0, -90.0), "N": (0.0, 0.0), "E": (90.0, 0.0)}[component]
        return ChannelEpoch(
            SourceId("AA", "ONE", "", "H", "H", component), None, None, azimuth, dip,
            "m/s", COUNTS_PER_M_S, 0.0, 0.0, 0.0,
        )  # fmt: skip

    return Inventory(tuple(map(epoch, "ZNE")))


def cut(
    path: Path,
    *events: CatalogueEvent,
    stations: Inventory | None = None,
    rules: CutRules | None = None,
) -> tuple[list[LabelledRecord], Counter[str]]:
    counts = CutCounts()
    stations = inventory() if stations is None else stations
    records = list(archive_records([path], stations, events, rules, counts))
    assert counts.records == len(records)
    return records, counts.left_out


def test_record_is_cut_around_the_picked_onset(tmp_path: Path) -> None:
    quake = event(200)
    # The wave comes 0.7 s later than the travel time tells.
    path = archive(tmp_path, (200 + P_S + 0.7,))
    (record,), _ = cut(path, quake)
    assert record.samples.shape == (3, 9000)
    assert record.p_sample == 3000
    starts = datetime.fromisoformat(record.trace_name.split()[1]).timestamp()
    picked_s = starts + record.p_sample / 100 - BEGIN.timestamp
    assert picked_s == pytest.approx(200 + P_S + 0.7, abs=0.1)
    assert (record.network, record.station, record.channel) == ("AA", "ONE", "HH")
    assert (record.source_id, record.magnitude) == (quake.source_id, 4.0)
    assert record.distance_km == pytest.approx(44.23, abs=0.1)
    assert record.split == split_of_event(quake.source_id)
    assert not record.clipped
    assert record.snr_db > 30


def test_samples_are_in_metres_and_in_counts_without_sensitivity(tmp_path: Path) -> None:
    path = archive(tmp_path, (200 + P_S,))
    (metres,), _ = cut(path, event(200))
    assert metres.unit == "m/s"
    assert metres.samples[:, :2900].std() == pytest.approx(1e-7, rel=0.05)
    bare = Inventory(
        tuple(
            ChannelEpoch(e.source_id, None, None, None, None, "counts", 1.0, 0.0, 0.0, 0.0)
            for e in inventory().epochs
        )
    )
    (counts,), _ = cut(path, event(200), stations=bare)
    assert counts.unit == "counts"
    assert np.allclose(counts.samples, metres.samples * COUNTS_PER_M_S, rtol=1e-5)


def test_earthquake_behind_another_is_left_out_and_the_first_ends_before_it(tmp_path: Path) -> None:
    path = archive(tmp_path, (150 + P_S, 178 + P_S))
    (first,), left_out = cut(path, event(150), event(178))
    assert first.source_id == "ev150"
    assert first.samples.shape[1] == pytest.approx(3000 + 2700, abs=20)
    assert left_out == {"another earthquake": 1}


def test_earthquake_soon_before_another_is_left_out_too(tmp_path: Path) -> None:
    path = archive(tmp_path, (150 + P_S, 170 + P_S))
    records, left_out = cut(path, event(150), event(170))
    assert not records
    assert left_out == {"another earthquake": 2}


def test_small_neighbour_disturbs_nobody(tmp_path: Path) -> None:
    path = archive(tmp_path, (200 + P_S,))
    records, left_out = cut(path, event(200), event(210, magnitude=2.0))
    assert [record.source_id for record in records] == ["ev200"]
    assert left_out == {"another earthquake": 1}


@pytest.mark.parametrize(
    ("second", "rules", "reason"),
    [
        (200, CutRules(min_magnitude=4.5), "magnitude too small"),
        (200, CutRules(max_distance_km=40), "too far"),
        (200, CutRules(min_snr_db=60), "signal too weak"),
        (230, None, "no onset"),
        (2, None, "no samples"),
        (380, None, "no samples"),
    ],
)
def test_what_is_left_out_is_counted_by_its_reason(
    tmp_path: Path, second: float, rules: CutRules | None, reason: str
) -> None:
    path = archive(tmp_path, (200 + P_S,))
    records, left_out = cut(path, event(second), rules=rules)
    assert not records
    assert left_out == {reason: 1}


def test_sensor_of_unknown_place_gives_nothing(tmp_path: Path) -> None:
    path = archive(tmp_path, (200 + P_S,))
    records, left_out = cut(path, event(200), stations=EMPTY)
    assert not records
    assert left_out == {"sensor without coordinates": 1}


@needs_shared
def test_ridgecrest_gives_the_picks_that_others_made() -> None:
    archives = sorted((RIDGECREST / "2019" / "CI").glob("W[MN]*"))
    stations = inventory_of(archives, DATA / "ridgecrest" / "stations.xml")
    catalogue = read_catalogue(DATA / "ridgecrest" / "catalogue.xml")
    records = list(archive_records(archives, stations, catalogue.events))
    assert len(records) >= 20
    with (DATA / "real" / "metadata.csv").open(newline="") as source:
        rows = [row for row in csv.DictReader(source) if row["part"] == "ridgecrest_shared"]
    known: dict[str, list[float]] = {}
    for row in rows:
        picked_s = datetime.fromisoformat(row["trace_start_time"]).timestamp()
        picked_s += float(row["trace_p_arrival_sample"]) / 100
        known.setdefault(f"{row['station_code']}.{row['trace_channel']}", []).append(picked_s)
    differences = []
    for record in records:
        picked_s = datetime.fromisoformat(record.trace_name.split()[1]).timestamp()
        picked_s += record.p_sample / 100
        near = known.get(f"{record.station}.{record.channel}", [])
        off = min((picked_s - other for other in near), key=abs, default=math.inf)
        if abs(off) < 3:
            differences.append(abs(off))
    assert len(differences) > 10
    assert np.median(differences) < 0.03
    assert np.percentile(differences, 90) < 0.15

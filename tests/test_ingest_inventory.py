"""Real records and their StationXML through decoder and core: units, orientation, headers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support import RIDGECREST, needs_shared
from umamba_rt.core.inventory import EMPTY, Inventory
from umamba_rt.core.pipeline import Pipeline, PipelineSettings
from umamba_rt.core.window import Window
from umamba_rt.ingest import DataClock, Ingest
from umamba_rt.io.archive import ArchiveChoice, read_archive
from umamba_rt.io.stationxml import read_inventory
from umamba_rt.wire.record import ReplayRecord

START_NS = 1_562_259_000 * 10**9  # 2019-07-04T16:50
SETTINGS = PipelineSettings(max_future_s=None)


@pytest.fixture(scope="module")
def records() -> tuple[ReplayRecord, ...]:
    names = ("CI/JRC2", "CI/WNM", "CI/WBS", "PB/B916")
    choice = ArchiveChoice(START_NS, START_NS + 40 * 10**9)
    return read_archive([RIDGECREST / "2019" / name for name in names], choice).records


def windows(records: tuple[ReplayRecord, ...], inventory: Inventory) -> dict[str, list[Window]]:
    ingest = Ingest(Pipeline(SETTINGS, inventory), DataClock())
    found: dict[str, list[Window]] = {}
    for record in records:
        for window in ingest.record(record.payload, source="test").windows:
            found.setdefault(window.group.station, []).append(window)
    return found


@needs_shared
def test_each_sensor_has_the_unit_and_the_sensitivities_of_its_channels(
    records: tuple[ReplayRecord, ...],
) -> None:
    inventory = read_inventory(RIDGECREST.parent / "stations.xml")
    found = {station: many[0] for station, many in windows(records, inventory).items()}
    assert {station: window.calibration.unit for station, window in found.items()} == {
        "JRC2": "m/s",
        "WNM": "m/s^2",
        "B916": "m/s",
        "WBS": "counts",
    }
    assert found["JRC2"].calibration.counts_per_unit == (790478000.0, 784866000.0, 784866000.0)
    assert {window.quality.orientation for window in found.values()} == {"aligned"}
    assert found["B916"].quality.components == "Z12"
    # The headers of SCEDC's broadband records say 0 per cent, those of its strong motion nothing.
    assert found["JRC2"].quality.timing_quality == 0
    assert found["WNM"].quality.timing_quality is None


@needs_shared
def test_an_aligned_inventory_changes_no_sample(records: tuple[ReplayRecord, ...]) -> None:
    inventory = read_inventory(RIDGECREST.parent / "stations.xml")
    known, unknown = windows(records, inventory), windows(records, EMPTY)
    assert known.keys() == unknown.keys()
    for station, many in known.items():
        for one, other in zip(many, unknown[station], strict=True):
            assert one.samples.tobytes() == other.samples.tobytes()
            same = replace(one.quality, unit="counts", orientation="assumed")
            assert other.quality == same

"""Labelled records of a continuous archive and the catalogue of its time."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from obspy.geodetics import gps2dist_azimuth

from umamba_rt.core.calibration import COUNTS
from umamba_rt.core.clipping import is_clipped
from umamba_rt.core.ids import GroupId, SourceId
from umamba_rt.core.inventory import ChannelEpoch, Inventory
from umamba_rt.core.timebase import NS_PER_S, RATE_HZ, index_ns, nearest_index, rfc3339
from umamba_rt.core.travel_time import first_p_s
from umamba_rt.core.window import Window
from umamba_rt.training.archive_windows import archive_windows
from umamba_rt.training.catalogue import CatalogueEvent
from umamba_rt.training.onset import find_onset
from umamba_rt.training.record import LabelledRecord
from umamba_rt.training.split import split_of_event

# Windows of the core are cut every ten seconds, and the one that holds the record is taken.
_HOP_S = 10.0
_SLACK_S = 15.0


@dataclass(frozen=True, slots=True)
class CutRules:
    """Which records are cut.

    Attributes:
        before_p_s, after_p_s: length of a record.
        least_after_p_s: of one that ends early since another earthquake comes.
        max_distance_km: epicentral.
        min_magnitude: of the catalogue.
        min_snr_db: of the onset, 5 s behind it over 5 s before.
        disturbs: another earthquake counts where its expected amplitude reaches this share.
        tolerance_s, tolerance_share: an onset may lie off the travel time by the sum of the first
            and the second times the travel time.
        depth_km: of an earthquake for which the catalogue tells none.
    """

    before_p_s: float = 30.0
    after_p_s: float = 60.0
    least_after_p_s: float = 25.0
    max_distance_km: float = 300.0
    min_magnitude: float = 0.0
    min_snr_db: float = 5.0
    disturbs: float = 0.3
    tolerance_s: float = 1.0
    tolerance_share: float = 0.04
    depth_km: float = 8.0


@dataclass(slots=True)
class CutCounts:
    """What became of every pair of an earthquake and a sensor; the reasons as text."""

    records: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """An earthquake as one sensor should see it.

    Attributes:
        p_ns: predicted P, ns since 1970 UTC.
        log_amplitude: expected, log10 of mm on a Wood-Anderson seismometer.
    """

    event: CatalogueEvent
    distance_km: float
    travel_s: float
    p_ns: int
    log_amplitude: float


def archive_records(
    archives: Sequence[Path],
    inventory: Inventory,
    events: Sequence[CatalogueEvent],
    rules: CutRules | None = None,
    counts: CutCounts | None = None,
) -> Iterator[LabelledRecord]:
    """Cut a record for every earthquake and sensor that shows it by itself.

    Samples are the daemon's own: on its grid, at 100 Hz, rotated and filled as it does, divided by
    the overall sensitivity; in counts where that is not known. An earthquake is left out at a
    sensor where another one of enough expected amplitude arrives from 30 s before to 25 s after
    it; one that arrives later ends the record.

    Args:
        archives: SDS folders and files.
        inventory: sensitivities and coordinates.
        events: all of the archive's time, also those too small for records.
        rules: which records are cut.
        counts: is filled as records are cut.

    Yields:
        In the order of the archive. ``split`` is that of ``split_of_event``.

    Raises:
        UnavailableError: an archive cannot be read.
    """
    rules, counts = rules or CutRules(), counts or CutCounts()
    length_s = rules.before_p_s + rules.after_p_s + 2 * _SLACK_S
    expected: dict[GroupId, list[_Arrival]] = {}
    wanted: dict[tuple[GroupId, int], list[_Arrival]] = {}
    for window in archive_windows(archives, inventory, length_s=length_s, hop_s=_HOP_S):
        group = window.group
        if group not in expected:
            expected[group] = _arrivals(group, window, inventory, events, rules)
            if not expected[group]:
                counts.left_out["sensor without coordinates"] += len(events)
            for arrival in expected[group]:
                key = group, _first_index(arrival, rules)
                wanted.setdefault(key, []).append(arrival)
        for arrival in wanted.pop((group, window.first), ()):
            outcome = _record(window, arrival, expected[group], rules)
            if isinstance(outcome, str):
                counts.left_out[outcome] += 1
            else:
                counts.records += 1
                yield outcome
    if wanted:
        counts.left_out["no samples"] += sum(map(len, wanted.values()))


def _first_index(arrival: _Arrival, rules: CutRules) -> int:
    """Grid index of the window that holds the record: the last to begin early enough."""
    start = nearest_index(arrival.p_ns) - round((rules.before_p_s + _SLACK_S / 3) * RATE_HZ)
    hop = round(_HOP_S * RATE_HZ)
    return start // hop * hop


def _arrivals(
    group: GroupId,
    window: Window,
    inventory: Inventory,
    events: Sequence[CatalogueEvent],
    rules: CutRules,
) -> list[_Arrival]:
    """Every earthquake at a sensor, in order of P; empty where the sensor's place is not known."""
    place = _place(group, window, inventory)
    if place is None:
        return []
    found = []
    for event in events:
        distance_km = (
            gps2dist_azimuth(
                event.latitude_deg, event.longitude_deg, place.latitude_deg, place.longitude_deg
            )[0]
            / 1000
        )
        depth_km = rules.depth_km if math.isnan(event.depth_km) else event.depth_km
        travel_s = first_p_s(distance_km, depth_km)
        range_km = max(1.0, math.hypot(distance_km, depth_km))
        # Hutton and Boore (1987), BSSA 77, turned round.
        spread = 1.11 * math.log10(range_km / 100) + 0.00189 * (range_km - 100) + 3
        found.append(
            _Arrival(
                event,
                distance_km,
                travel_s,
                event.origin_ns + round(travel_s * NS_PER_S),
                event.magnitude - spread,
            )
        )
    return sorted(found, key=lambda arrival: arrival.p_ns)


def _place(group: GroupId, window: Window, inventory: Inventory) -> ChannelEpoch | None:
    for code in window.quality.components:
        source_id = SourceId.from_nslc(
            group.network, group.station, group.location, group.band_source + code
        )
        epoch = inventory.at(source_id, window.start_ns)
        if epoch is not None:
            return epoch
    return None


def _record(
    window: Window, arrival: _Arrival, others: Sequence[_Arrival], rules: CutRules
) -> LabelledRecord | str:
    """A record, or why there is none."""
    if arrival.event.magnitude < rules.min_magnitude:
        return "magnitude too small"
    if arrival.distance_km > rules.max_distance_km:
        return "too far"
    after_s = _undisturbed_s(arrival, others, rules)
    if after_s < rules.least_after_p_s:
        return "another earthquake"
    predicted = nearest_index(arrival.p_ns) - window.first
    tolerance_s = rules.tolerance_s + rules.tolerance_share * arrival.travel_s
    onset = find_onset(window.samples[0], predicted, tolerance_s)
    if onset is None:
        return "no onset"
    if not onset.snr_db >= rules.min_snr_db:
        return "signal too weak"
    start = max(0, onset.sample - round(rules.before_p_s * RATE_HZ))
    stop = min(onset.sample + round(after_s * RATE_HZ), window.samples.shape[1])
    return _labelled(window, arrival, start, stop, onset.sample - start, onset.snr_db)


def _undisturbed_s(arrival: _Arrival, others: Sequence[_Arrival], rules: CutRules) -> float:
    """Time from P to the next earthquake that counts; 0 where one arrived in the noise before."""
    floor = arrival.log_amplitude + math.log10(rules.disturbs)
    begin = arrival.p_ns - round(rules.before_p_s * NS_PER_S)
    undisturbed_s = rules.after_p_s
    for other in others[bisect_left(others, begin, key=lambda other: other.p_ns) :]:
        if other is arrival or other.log_amplitude < floor:
            continue
        later_s = (other.p_ns - arrival.p_ns) / NS_PER_S
        if later_s > rules.after_p_s:
            break
        if later_s <= 0:
            return 0.0
        # Its onset may lie sooner than its travel time tells.
        undisturbed_s = min(undisturbed_s, later_s - rules.tolerance_s)
    return undisturbed_s


def _labelled(
    window: Window, arrival: _Arrival, start: int, stop: int, p_sample: int, snr_db: float
) -> LabelledRecord:
    event, group = arrival.event, window.group
    known = window.calibration is not COUNTS
    per_unit = np.array(window.calibration.counts_per_unit)[:, None]
    begins = rfc3339(index_ns(window.first + start))
    return LabelledRecord(
        trace_name=f"{group} {begins}",
        split=split_of_event(event.source_id),
        part="archive",
        source_id=event.source_id,
        magnitude=event.magnitude,
        magnitude_type=event.magnitude_type,
        network=group.network,
        station=group.station,
        location=group.location,
        channel=group.band_source,
        samples=(window.samples[:, start:stop] / per_unit).astype(np.float32),
        unit=window.calibration.unit if known else "counts",
        p_sample=float(p_sample),
        s_sample=math.nan,
        distance_km=arrival.distance_km,
        depth_km=event.depth_km,
        snr_db=snr_db,
        native_rate_hz=window.quality.native_rate_hz,
        clipped=is_clipped(window.samples[:, start:stop]),
        grade="",
    )

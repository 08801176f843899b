"""core/source_scan.py: what no station shows alone, all of them show together."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from tests.core.test_association import EPICENTRE, ORIGIN_NS, STATIONS
from umamba_rt.core.association import Place, Source
from umamba_rt.core.ids import GroupId
from umamba_rt.core.rise import BIN, BINS_PER_S, Rises
from umamba_rt.core.source_scan import Hidden, ScanRules, SourceScan
from umamba_rt.core.timebase import NS_PER_S, nearest_index

GROUPS = {name: GroupId("XX", name.removeprefix("XX_"), "", "HH") for name in STATIONS}
PLACES = {group: STATIONS[name] for name, group in GROUPS.items()}
SECONDS = 90
BEGIN = nearest_index(ORIGIN_NS) // BIN - 30 * BINS_PER_S


def noise(seed: int = 0) -> dict[GroupId, np.ndarray]:
    """P and S of each station, shape ``(2, moments)``, as coda makes them."""
    rng = np.random.default_rng(seed)
    shape = 2, SECONDS * BINS_PER_S
    return {group: np.clip(rng.exponential(0.12, shape), 0, 1) for group in PLACES}


def shake(
    held: dict[GroupId, np.ndarray], source: Source, rise: float, *, with_s: bool = True
) -> None:
    """Let all stations rise at P and S of a source for half a second."""
    for group, place in PLACES.items():
        for row, time_ns in ((0, source.p_ns(place)), (1, source.s_ns(place))):
            if row == 0 or with_s:
                at = nearest_index(time_ns) // BIN - BEGIN
                held[group][row, at : at + 2] += rise
        # The horizontals see P, too, and the vertical S.
        at = nearest_index(source.p_ns(place)) // BIN - BEGIN
        held[group][1, at : at + 2] += 0.6 * rise
        np.clip(held[group], 0, 1, out=held[group])


def ticks(held: dict[GroupId, np.ndarray]) -> list[list[tuple[GroupId, Rises]]]:
    """Second by second, all stations."""
    return [
        [
            (group, Rises(BEGIN + k, *(tuple(row[k : k + BINS_PER_S].tolist()) for row in rows)))
            for group, rows in held.items()
        ]
        for k in range(0, SECONDS * BINS_PER_S, BINS_PER_S)
    ]


def found(
    told: Iterable[list[tuple[GroupId, Rises]]],
    rules: ScanRules = ScanRules(),  # noqa: B008 - frozen
    places: dict[GroupId, Place] = PLACES,
) -> list[Hidden]:
    scan = SourceScan(rules, lambda group, _: places.get(group))
    return [one for tick in told for one in scan.take(tick)]


def test_an_earthquake_that_no_station_shows_alone_is_found_where_and_when_it_was() -> None:
    held = noise()
    shake(held, Source(EPICENTRE, ORIGIN_NS), 0.6)
    # At most stations some moment of the coda rises by more.
    assert np.median([rows[0].max() for rows in noise().values()]) > 0.6
    (one,) = found(ticks(held))
    assert one.source.distance_km(EPICENTRE) < 8
    assert abs(one.source.origin_ns - ORIGIN_NS) < NS_PER_S
    assert {onset.group for onset in one.onsets} == set(PLACES)
    near = [
        onset.rise > 0.3
        and abs(onset.onset_ns - Source(EPICENTRE, ORIGIN_NS).p_ns(PLACES[onset.group]))
        < NS_PER_S / 2
        for onset in one.onsets
    ]
    assert sum(near) >= 8


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_earthquake(seed: int) -> None:
    assert found(ticks(noise(seed))) == []


def test_p_without_s_and_s_taken_for_p_are_none() -> None:
    held = noise()
    shake(held, Source(EPICENTRE, ORIGIN_NS), 0.5, with_s=False)
    assert found(ticks(held)) == []


def test_a_loud_earthquake_is_one_and_no_ghost_goes_before_it() -> None:
    held = noise()
    shake(held, Source(EPICENTRE, ORIGIN_NS), 1.0)
    (one,) = found(ticks(held))
    assert abs(one.source.origin_ns - ORIGIN_NS) < NS_PER_S
    # Its P taken for S would be another one, some seconds earlier; a far one's is no ghost.
    low = ScanRules(score_p=-9.0, score=5.3)
    assert len(found(ticks(held), low)) == 1
    for rules in (replace(low, ghost_ratio=9.0), replace(low, ghost_km=0.0)):
        ghost, _ = found(ticks(held), rules)
        assert ghost.source.origin_ns < ORIGIN_NS - 2 * NS_PER_S


@pytest.mark.parametrize("after_s", [3.0, 9.0, 15.0])
def test_neighbours_seconds_apart_are_two(after_s: float) -> None:
    held = noise()
    later = Source(Place(35.65, -117.58), ORIGIN_NS + round(after_s * NS_PER_S))
    shake(held, Source(EPICENTRE, ORIGIN_NS), 0.7)
    shake(held, later, 0.7)
    first, second = found(ticks(held))
    assert abs(first.source.origin_ns - ORIGIN_NS) < NS_PER_S
    assert abs(second.source.origin_ns - later.origin_ns) < NS_PER_S


def test_the_order_of_stations_changes_nothing() -> None:
    held = noise()
    shake(held, Source(EPICENTRE, ORIGIN_NS), 0.6)
    straight, mixed = ticks(held), ticks(held)
    for tick in mixed[1:]:  # from the second on: in the first the stations get their numbers
        random.Random(0).shuffle(tick)
    assert found(mixed) == found(straight) != []


def test_stations_that_lag_by_seconds_count_all_the_same() -> None:
    held = noise()
    shake(held, Source(EPICENTRE, ORIGIN_NS), 0.6)
    straight = ticks(held)
    late = set(list(PLACES)[:3])
    lagging = [
        [one for one in tick if one[0] not in late]
        + [one for one in (straight[k - 8] if k >= 8 else []) if one[0] in late]
        for k, tick in enumerate(straight)
    ]
    assert [one.source for one in found(lagging)] == [one.source for one in found(straight)]


def test_a_station_that_falls_silent_is_left_out_after_a_minute() -> None:
    held = noise()
    told = ticks(held)
    silent = next(iter(PLACES))
    scan = SourceScan(ScanRules(), lambda group, _: PLACES.get(group))
    for k, tick in enumerate(told):
        list(scan.take([one for one in tick if one[0] != silent or k < 5]))
    assert [group for group in scan._sensors if group == silent] == []
    assert len(scan._sensors) == len(PLACES) - 1


def test_of_two_sensors_of_a_station_one_counts() -> None:
    held = noise()
    shake(held, Source(EPICENTRE, ORIGIN_NS), 0.6)
    seconds = {replace(group, band_source="HN"): rows for group, rows in held.items()}
    places = PLACES | {group: PLACES[replace(group, band_source="HH")] for group in seconds}
    (one,) = found(ticks(held | seconds), places=places)
    assert {onset.group.band_source for onset in one.onsets} == {"HH"}


def test_a_long_gap_in_all_stations_leaves_nothing_of_before() -> None:
    held = noise()
    shake(held, Source(EPICENTRE, ORIGIN_NS), 0.6)
    told = ticks(held)
    cut = told[:32]  # P has come at all, S at few
    scan = SourceScan(ScanRules(), lambda group, _: PLACES.get(group))
    heard = [one for tick in cut for one in scan.take(tick)]
    for tick in ticks(noise(1)):
        later = [(g, replace(r, first=r.first + 100_000)) for g, r in tick]
        heard += list(scan.take(later))
    # What comes from before the gap is too old for anything.
    heard += [one for tick in told[32:] for one in scan.take(tick)]
    assert heard == []


def test_stations_without_places_or_too_few_are_not_scanned() -> None:
    held = noise()
    shake(held, Source(EPICENTRE, ORIGIN_NS), 1.0)
    assert found(ticks(held), places={}) == []
    assert found(ticks(dict(list(held.items())[:5]))) == []
    assert found([[]]) == []


def test_rises_of_mixed_moments_are_held_as_each_sensor_tells_them() -> None:
    """Those of the same moments are written down at once: against one by one."""
    rng = np.random.default_rng(0)
    scan = SourceScan(ScanRules(), lambda _group, _: None)
    plain: dict[tuple[GroupId, int], tuple[float, float]] = {}
    told = []
    for number in range(40):
        group = GroupId("XX", str(number), "", "HH")
        first, count = BEGIN + int(rng.integers(0, 4)), int(rng.integers(9, 12))
        p, s = rng.random((2, count)).astype(np.float32).tolist()
        told.append((group, Rises(first, tuple(p), tuple(s))))
        plain |= {(group, first + k): pair for k, pair in enumerate(zip(p, s, strict=True))}
    assert list(scan.take(told)) == []
    length = scan._held.shape[2]
    for (group, moment), (p_rise, s_rise) in plain.items():
        held = scan._held[:, scan._rows[group], moment % length]
        assert held.tolist() == [p_rise, s_rise]

"""core/association.py: made-up earthquakes are found where and when they were."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from obspy.geodetics import gps2dist_azimuth

from umamba_rt.core.association import (
    KM_PER_DEG,
    Arrival,
    Place,
    Source,
    find_source,
    relocate,
)
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.core.travel_table import travel_p_s

ORIGIN_NS = 1_562_261_629 * NS_PER_S
EPICENTRE = Place(35.7, -117.5)
# Around it within 70 km, as networks are.
STATIONS = {
    f"XX_{number}": Place(
        35.7 + radius * math.cos(number) / 111.2, -117.5 + radius * math.sin(number) / 90.3
    )
    for number, radius in enumerate((8, 15, 22, 30, 36, 44, 52, 60, 66, 70))
}
SOURCE = Source(EPICENTRE, ORIGIN_NS)


def arrivals(source: Source = SOURCE, error_s: float = 0.0, seed: int = 0) -> list[Arrival]:
    rng = np.random.default_rng(seed)
    return sorted(
        (
            Arrival(name, source.p_ns(place) + round(rng.normal(0, error_s) * NS_PER_S), place)
            for name, place in STATIONS.items()
        ),
        key=lambda arrival: arrival.onset_ns,
    )


def find(
    found: list[Arrival], newest: Arrival, *, min_stations: int = 4, tolerance_s: float = 0.7
) -> tuple[Source, list[Arrival]] | None:
    return find_source(
        found, newest, min_stations=min_stations, tolerance_s=tolerance_s, reach_km=150.0
    )


def test_distances_are_the_ellipsoids_within_a_per_cent() -> None:
    for place in STATIONS.values():
        true_m, _, _ = gps2dist_azimuth(
            EPICENTRE.latitude_deg, EPICENTRE.longitude_deg, place.latitude_deg, place.longitude_deg
        )
        assert SOURCE.distance_km(place) == pytest.approx(true_m / 1000, rel=0.01)


def test_s_comes_behind_p_by_the_square_root_of_three() -> None:
    place = STATIONS["XX_5"]
    travel_ns = SOURCE.p_ns(place) - ORIGIN_NS
    assert SOURCE.s_ns(place) - ORIGIN_NS == pytest.approx(math.sqrt(3) * travel_ns, abs=2)
    assert 6.5e9 < travel_ns < 8e9


@pytest.mark.parametrize("seed", range(4))
def test_an_earthquake_is_found_by_its_onsets(seed: int) -> None:
    onsets = arrivals(error_s=0.1, seed=seed)[:6]
    result = find(onsets, onsets[-1], tolerance_s=1.0)
    assert result is not None
    source, chosen = result
    assert chosen == onsets
    assert source.distance_km(EPICENTRE) < 15
    assert abs(source.origin_ns - ORIGIN_NS) < 2 * NS_PER_S


def test_onsets_that_are_no_p_of_it_are_left_out() -> None:
    onsets = arrivals()[:5]
    rng = np.random.default_rng(3)
    noise = [
        Arrival(a.station, a.onset_ns + round(rng.uniform(4, 12) * NS_PER_S), a.place)
        for a in onsets[:3]
    ]
    result = find(onsets + noise, onsets[-1])
    assert result is not None
    assert result[1] == onsets


def test_onsets_too_far_apart_in_time_for_any_source_change_nothing() -> None:
    """Between two places P takes at most the way along the ground: half a minute is beyond it."""
    onsets = arrivals(error_s=0.1)[:6]
    far = [
        Arrival(name, onsets[-1].onset_ns - (30 + k) * NS_PER_S, place)
        for k, (name, place) in enumerate(STATIONS.items())
    ]
    assert find(onsets + far, onsets[-1]) == find(onsets, onsets[-1])
    assert find(onsets[-1:] + far, onsets[-1]) is None


def test_too_few_stations_are_none() -> None:
    onsets = arrivals()[:4]
    assert find(onsets, onsets[-1], min_stations=5) is None
    twice = [replace(a, onset_ns=a.onset_ns + 1) for a in onsets]  # of one station each counts once
    assert find(onsets + twice, onsets[-1], min_stations=5) is None


def test_onsets_of_no_source_are_none() -> None:
    onsets = arrivals()[:5]
    wild = [replace(a, onset_ns=a.onset_ns + k * 9 * NS_PER_S) for k, a in enumerate(onsets)]
    assert find(wild, wild[-1]) is None


def test_more_onsets_mend_the_place() -> None:
    off = Source(Place(35.78, -117.58), ORIGIN_NS + NS_PER_S)
    for _ in range(4):
        off = relocate(off, arrivals(error_s=0.1), 150.0)
    assert off.distance_km(EPICENTRE) < 3
    assert abs(off.origin_ns - ORIGIN_NS) < NS_PER_S / 2


def test_places_across_the_date_line_are_near_each_other() -> None:
    fiji = Source(Place(-18.0, 179.9), ORIGIN_NS)
    assert fiji.distance_km(Place(-18.0, -179.9)) == pytest.approx(21.15, rel=0.01)


def plain_offsets(centre: Place, places: list[Place]) -> np.ndarray:
    shrink = math.cos(math.radians(centre.latitude_deg))
    return np.array(
        [
            (
                ((p.longitude_deg - centre.longitude_deg + 180.0) % 360.0 - 180.0)
                * KM_PER_DEG
                * shrink,
                (p.latitude_deg - centre.latitude_deg) * KM_PER_DEG,
            )
            for p in places
        ]
    )


def plain_times(offsets: np.ndarray) -> np.ndarray:
    return travel_p_s(np.hypot(offsets[..., 0], offsets[..., 1]))


def plain_disk() -> np.ndarray:
    steps = range(-15, 16)
    inside = [(x, y) for x in steps for y in steps if x * x + y * y <= 225]
    return np.array(sorted(inside, key=lambda node: (math.hypot(*node), node)), np.float64)


def plain_find(
    found: list[Arrival], newest: Arrival, min_stations: int
) -> tuple[int, list[Arrival]] | None:
    """Origin and members, with all arrivals and nodes in one array and no bound before."""
    assert newest.place is not None
    sites = plain_offsets(newest.place, [a.place for a in found if a.place is not None])
    onsets_s = np.array([(a.onset_ns - newest.onset_ns) / NS_PER_S for a in found])
    stations = sorted({a.station for a in found})
    owned = [[k for k, a in enumerate(found) if a.station == name] for name in stations]
    centre, reference = np.zeros(2), found.index(newest)
    for step_km, allowed_s in ((10.0, 0.7 + 5.0 / 6.0), (2.0, 0.7)):
        around = centre + plain_disk() * step_km
        origins_s = onsets_s - plain_times(sites[None] - around[:, None])
        off_s = np.abs(origins_s - origins_s[:, reference : reference + 1])
        misfits = np.stack([off_s[:, own].min(axis=1) for own in owned], axis=1)
        explained = misfits <= allowed_s
        sums = [math.fsum(row[which]) for row, which in zip(misfits, explained, strict=True)]
        best = min(range(len(around)), key=lambda k: (-explained[k].sum(), sums[k]))
        centre = around[best]
    if explained[best].sum() < min_stations:
        return None
    origins_s = onsets_s - plain_times(sites - centre)
    off = np.abs(origins_s - origins_s[reference])
    members = [
        min(own, key=lambda k: off[k])
        for own, is_explained in zip(owned, explained[best], strict=True)
        if is_explained
    ]
    origin_ns = newest.onset_ns + round(float(np.median(origins_s[members])) * NS_PER_S)
    return origin_ns, sorted((found[k] for k in members), key=lambda a: (a.onset_ns, a.station))


@pytest.mark.parametrize("seed", range(12))
def test_the_search_finds_what_the_plain_one_finds_among_many_onsets(seed: int) -> None:
    """Up to 300 stations, some with several onsets of the same seconds."""
    rng = np.random.default_rng(seed)
    places = [
        Place(35.7 + rng.uniform(-0.9, 0.9), -117.5 + rng.uniform(-1.1, 1.1))
        for _ in range(int(rng.integers(4, 300)))
    ]
    onsets = [
        Arrival(
            f"XX_{number}",
            SOURCE.p_ns(place) + round(rng.normal(0, 0.3 + 8 * (rng.random() < 0.5)) * NS_PER_S),
            place,
        )
        for number, place in enumerate(places)
        for _ in range(int(rng.integers(1, 4)))
    ]
    told = find(onsets, onsets[-1])
    assert told is not None
    assert (told[0].origin_ns, told[1]) == plain_find(onsets, onsets[-1], 4)


@pytest.mark.parametrize("count", [4, 5, 60, 299])
def test_a_source_is_mended_as_by_plain_medians(count: int) -> None:
    rng = np.random.default_rng(count)
    places = [
        Place(35.7 + rng.uniform(-0.9, 0.9), -117.5 + rng.uniform(-1.1, 1.1)) for _ in range(count)
    ]
    known = [
        Arrival(f"XX_{number}", SOURCE.p_ns(place) + round(rng.normal(0, 0.4) * NS_PER_S), place)
        for number, place in enumerate(places)
    ]
    sites = plain_offsets(EPICENTRE, places)
    onsets_s = np.array([(a.onset_ns - ORIGIN_NS) / NS_PER_S for a in known])
    origins_s = onsets_s - plain_times(sites[None] - 2.0 * plain_disk()[:, None])
    medians_s = np.median(origins_s, axis=1)
    best = int(np.argmin(np.abs(origins_s - medians_s[:, None]).sum(axis=1)))
    told = relocate(SOURCE, known, 150.0)
    assert told.origin_ns == ORIGIN_NS + round(float(medians_s[best]) * NS_PER_S)


def test_distances_of_many_places_are_those_of_each() -> None:
    rng = np.random.default_rng(0)
    places = [Place(rng.uniform(-90, 90), rng.uniform(-180, 180)) for _ in range(300)]
    source = Source(Place(-18.0, 179.9), ORIGIN_NS)
    assert source.distances_km(places).tolist() == [source.distance_km(p) for p in places]
    plain = [float(np.hypot(*plain_offsets(source.place, [p])[0])) for p in places]
    assert source.distances_km(places).tolist() == plain

"""core/association.py: made-up earthquakes are found where and when they were."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from obspy.geodetics import gps2dist_azimuth

from umamba_rt.core.association import (
    DEPTH_KM,
    Arrival,
    Place,
    Source,
    find_source,
    relocate,
    travel_p_s,
)
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.core.travel_time import first_p_s

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


def test_travel_times_are_interpolated_between_whole_kilometres() -> None:
    tabled = [first_p_s(float(km), DEPTH_KM) for km in range(1001)]
    distances_km = np.random.default_rng(0).uniform(0, 1200, 500)
    expected = np.interp(distances_km, np.arange(1001), tabled)
    np.testing.assert_allclose(travel_p_s(distances_km), expected, rtol=1e-12)


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

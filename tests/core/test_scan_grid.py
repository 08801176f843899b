"""core/scan_grid.py: nodes about the stations, and the times from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.core.test_association import STATIONS
from umamba_rt.core.association import Place, Source
from umamba_rt.core.rise import BINS_PER_S
from umamba_rt.core.scan_grid import FARTHEST_KM, MOST_STATIONS, STEP_KM, scan_grid
from umamba_rt.core.timebase import NS_PER_S


def test_times_are_those_of_a_source_at_the_node() -> None:
    grid = scan_grid(STATIONS, 4)
    for node in range(0, len(grid.count), 37):
        source = Source(grid.place(node), 0)
        for column in range(int(grid.count[node])):
            place = STATIONS[grid.names[grid.station[node, column]]]
            moments = NS_PER_S // BINS_PER_S
            assert grid.p[node, column] == pytest.approx(source.p_ns(place) / moments, abs=0.6)
            assert grid.s[node, column] == pytest.approx(source.s_ns(place) / moments, abs=0.6)
    assert grid.longest == grid.s.max()


def test_every_place_among_the_stations_is_near_a_node() -> None:
    grid = scan_grid(STATIONS, 4)
    rng = np.random.default_rng(0)
    for _ in range(50):
        here = Source(Place(35.2 + rng.random(), -118.0 + rng.random()), 0)
        nearest = min(here.distance_km(grid.place(node)) for node in range(len(grid.count)))
        assert nearest <= STEP_KM / np.sqrt(2) + 0.1


def test_a_node_has_its_nearest_stations_and_no_far_ones() -> None:
    many = {f"XX_{n}": Place(35.0 + n // 10 * 0.1, -117.0 + n % 10 * 0.1) for n in range(100)}
    many["XX_FAR"] = Place(40.0, -117.0)
    grid = scan_grid(many, 6)
    for node in range(0, len(grid.count), 41):
        source = Source(grid.place(node), 0)
        km = sorted(source.distance_km(place) for place in many.values())
        chosen = [source.distance_km(many[grid.names[n]]) for n in grid.station[node] if n < 101]
        assert len(chosen) == grid.count[node] <= MOST_STATIONS
        expected = [one for one in km[:MOST_STATIONS] if one <= FARTHEST_KM]
        assert chosen == pytest.approx(expected, rel=0.02)


def test_nodes_with_too_few_stations_are_left_out() -> None:
    assert len(scan_grid({}, 4).count) == 0
    assert len(scan_grid(dict(list(STATIONS.items())[:3]), 4).count) == 0
    assert scan_grid(STATIONS, 6).count.min() >= 6
    assert scan_grid({}, 4).longest == 0


def test_a_large_network_has_coarser_nodes_not_more() -> None:
    rng = np.random.default_rng(0)
    wide = {f"XX_{n}": Place(30 + 12 * rng.random(), -120 + 15 * rng.random()) for n in range(400)}
    assert 5000 < len(scan_grid(wide, 4).count) < 21_000


def test_a_network_across_the_date_line_is_one() -> None:
    moved = {
        name: replace(place, longitude_deg=(place.longitude_deg - 62.5 + 180) % 360 - 180)
        for name, place in STATIONS.items()
    }
    assert (
        min(p.longitude_deg for p in moved.values())
        < 0
        < max(p.longitude_deg for p in moved.values())
    )
    here, there = scan_grid(STATIONS, 6), scan_grid(moved, 6)
    assert len(there.count) == len(here.count)
    np.testing.assert_array_equal(there.p, here.p)

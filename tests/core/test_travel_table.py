"""core/travel_table.py: the table's times, one by one and for a grid."""

from __future__ import annotations

import numpy as np
import pytest

from umamba_rt.core.travel_table import DEPTH_KM, one_travel_p_s, travel_p_s, travels_p_s
from umamba_rt.core.travel_time import first_p_s


def test_travel_times_are_interpolated_between_whole_kilometres() -> None:
    tabled = [first_p_s(float(km), DEPTH_KM) for km in range(1001)]
    distances_km = np.random.default_rng(0).uniform(0, 1200, 500)
    expected = np.interp(distances_km, np.arange(1001), tabled)
    np.testing.assert_allclose(travel_p_s(distances_km), expected, rtol=1e-12)


def test_one_distance_takes_the_same_time_as_among_many() -> None:
    distances_km = np.append(np.random.default_rng(1).uniform(0, 1200, 500), [0.0, 1000.0, 7.0])
    assert [one_travel_p_s(km) for km in distances_km.tolist()] == travel_p_s(distances_km).tolist()


@pytest.mark.parametrize("sites", [0, 1, 7, 300])
def test_a_grids_times_are_those_of_its_distances(sites: int) -> None:
    rng = np.random.default_rng(sites)
    nodes, places = rng.normal(0, 50, (709, 2)), rng.normal(0, 80, (sites, 2))
    told = travels_p_s(nodes, places)
    assert told.shape == (709, sites)
    for node, row in zip(nodes, told, strict=True):
        plain = [float(np.hypot(*(place - node))) for place in places]
        assert row.tolist() == [one_travel_p_s(km) for km in plain]

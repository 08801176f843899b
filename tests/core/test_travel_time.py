from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy.taup import TauPyModel

from umamba_rt.core.travel_time import first_p_s


@pytest.mark.parametrize(("distance_km", "depth_km"), [(0, 10), (30, 0), (40, 19)])
def test_direct_wave_in_one_layer_is_a_straight_line(distance_km: float, depth_km: float) -> None:
    expected = (distance_km**2 + depth_km**2) ** 0.5 / 5.8
    assert first_p_s(distance_km, depth_km) == pytest.approx(expected, abs=1e-3)


def test_head_wave_over_a_half_space_by_hand() -> None:
    layers = ((0.0, 6.0), (30.0, 8.0))
    # Surface source: x / 8 + 2 * 30 * sqrt(1/36 - 1/64).
    expected = 200 / 8 + 60 * (1 / 36 - 1 / 64) ** 0.5
    assert first_p_s(200, 0, layers) == pytest.approx(expected, abs=0.01)
    assert first_p_s(50, 0, layers) == pytest.approx(50 / 6, abs=0.01)


def test_times_are_those_of_iasp91_to_a_fifth_of_a_second() -> None:
    model = TauPyModel("iasp91")
    for distance_km, depth_km in ((10, 5), (60, 12), (120, 8), (180, 25), (299, 10), (250, 34)):
        theirs = model.get_travel_times(depth_km, distance_km / 111.19, ["p", "P", "Pn", "Pg"])
        assert first_p_s(distance_km, depth_km) == pytest.approx(theirs[0].time, abs=0.2)


@given(km=st.floats(0, 800), more=st.floats(0.01, 100), depth=st.floats(-3, 60))
def test_farther_is_later_and_never_faster_than_the_mantle(
    km: float, more: float, depth: float
) -> None:
    near, far = first_p_s(km, depth), first_p_s(km + more, depth)
    assert near < far + 1e-9
    assert near >= max(km, depth) / 8.04 - 1e-6

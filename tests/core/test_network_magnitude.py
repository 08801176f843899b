"""core/network_magnitude.py: weights, the mean and what single stations can do to it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.test_station_event import reading
from umamba_rt.core.network_magnitude import combine, weight_of
from umamba_rt.core.station_event import EventRules, StationEvent, StationEvents


def event(**changed: object) -> StationEvent:
    sensor = StationEvents(EventRules())
    sensor.read(reading(1, (0.0, None)))
    (grown,) = sensor.read(reading(10, (0.0, None), snr_db=30.0))
    return replace(grown, **changed)  # type: ignore[arg-type]


def test_stations_that_agree_give_their_magnitude() -> None:
    mean = combine([3.0, 3.0, 3.0], [1.0, 2.0, 3.0])
    assert mean.magnitude == pytest.approx(3.0)
    assert mean.spread == pytest.approx(0.0)
    assert mean.weights == pytest.approx((1 / 6, 2 / 6, 3 / 6))


def test_one_station_far_off_moves_the_mean_little() -> None:
    sane = [3.0, 3.1, 2.9, 3.05, 2.95]
    plain = (sum(sane) + 7.0) / 6
    mean = combine([*sane, 7.0], [1.0] * 6)
    assert plain > 3.6
    assert abs(mean.magnitude - 3.0) < 0.2
    assert mean.weights[-1] < 0.05


@given(
    st.lists(st.tuples(st.floats(-1, 8), st.floats(0.01, 20)), min_size=1, max_size=30),
    st.floats(0.1, 10),
)
def test_the_mean_lies_among_the_stations(
    stations: list[tuple[float, float]], factor: float
) -> None:
    values, weights = [m for m, _ in stations], [w for _, w in stations]
    mean = combine(values, weights)
    assert min(values) - 1e-9 <= mean.magnitude <= max(values) + 1e-9
    assert sum(mean.weights) == pytest.approx(1.0)
    assert mean.uncertainty > 0
    scaled = combine(values, [factor * w for w in weights])
    assert scaled.magnitude == pytest.approx(mean.magnitude, abs=1e-6)


def test_many_stations_make_the_mean_surer_than_one() -> None:
    assert combine([3.0] * 16, [1.0] * 16).uncertainty == pytest.approx(math.hypot(0.25, 0.25 / 4))
    assert combine([3.0], [1.0]).uncertainty == pytest.approx(math.hypot(0.25, 0.25))


@pytest.mark.parametrize(
    "worse",
    [
        {"uncertainty": 0.9},
        {"since_onset_s": 1.0},
        {"snr_db": 6.0},
        {"snr_db": None},
        {"clipped": True},
        {"unit": "counts"},
    ],
    ids=str,
)
def test_what_makes_an_estimate_worse_takes_weight(worse: dict[str, object]) -> None:
    assert 0 < weight_of(event(**worse), 20.0) < weight_of(event(), 20.0)


def test_distance_takes_weight_where_it_is_known() -> None:
    near, far, unknown = (weight_of(event(), km) for km in (1.0, 200.0, None))
    assert far < near < unknown

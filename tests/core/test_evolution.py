"""core/evolution.py: what is sent of V1's curve."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.evolution import decimated, settled_s


def test_every_tenth_value_is_sent_the_first_one_first() -> None:
    curve = np.arange(3001, dtype=np.float32)
    assert decimated(curve) == list(range(0, 3001, 10))
    assert len(decimated(curve)) == 301


def test_values_have_four_digits() -> None:
    assert decimated(np.array([1.234567], np.float32)) == [1.2346]


@pytest.mark.parametrize(
    ("values", "expected_s"),
    [([2.0] * 300, 0.0), ([0.0] * 200 + [2.0] * 100, 2.0), ([2.0] * 299 + [3.0], 2.99)],
)
def test_curve_settles_where_it_comes_to_its_last_value(
    values: list[float], expected_s: float
) -> None:
    assert settled_s(np.array(values, np.float32)) == pytest.approx(expected_s)


@given(arrays(np.float32, st.integers(1, 60), elements=st.floats(-3, 9, width=32)))
def test_from_there_on_it_keeps_to_its_last_value_and_no_earlier(curve: Float32Array) -> None:
    first = round(settled_s(curve) * 100)
    within = np.abs(curve - curve[-1]) <= 0.2
    assert within[first:].all()
    assert first == 0 or not within[first - 1]


def test_curve_without_numbers_settles_never() -> None:
    assert settled_s(np.full(100, np.nan, np.float32)) == 1.0

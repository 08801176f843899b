from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.rate import is_same_rate, nominal_rate


@pytest.mark.parametrize(
    ("found_hz", "meant_hz"),
    [
        (100.0, Fraction(100)),
        (99.9998, Fraction(100)),
        (100.0003, Fraction(100)),
        (99.9951, Fraction(100)),
        (99.99, Fraction(9999, 100)),
        (20.0, Fraction(20)),
        (19.9995, Fraction(20)),
        (500.02, Fraction(500)),
        (31.25, Fraction(125, 4)),
        (62.5, Fraction(125, 2)),
        (66.67, Fraction(200, 3)),
        (133.33, Fraction(400, 3)),
        (333.33, Fraction(1000, 3)),
        (128.0, Fraction(128)),
        (19.9, None),
        (500.1, None),
        (1.0, None),
        (1e300, None),
        (1e-300, None),
        (float("nan"), None),
    ],
)
def test_a_rounded_rate_is_the_one_meant(found_hz: float, meant_hz: Fraction | None) -> None:
    assert nominal_rate(found_hz) == meant_hz


@given(st.floats(20, 500))
def test_every_rate_from_20_to_500_hz_has_a_near_fraction(rate_hz: float) -> None:
    meant = nominal_rate(rate_hz)
    assert meant is not None
    assert abs(meant - Fraction(rate_hz)) <= Fraction(6, 100_000) * Fraction(rate_hz)
    assert meant.denominator <= 100_000


def test_a_header_that_wanders_is_the_same_rate() -> None:
    assert is_same_rate(Fraction(9999, 100), Fraction(100))
    assert not is_same_rate(Fraction(999, 10), Fraction(100))
    assert not is_same_rate(Fraction(50), Fraction(100))

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.timebase import SAMPLE_NS, ceil_to, index_ns, nearest_index, rfc3339

ANY_NS = st.integers(-(2**63), 2**63 - 1)


@given(ANY_NS)
def test_no_other_grid_sample_is_nearer(time_ns: int) -> None:
    index = nearest_index(time_ns)
    off = Fraction(time_ns - index_ns(index), SAMPLE_NS)
    assert Fraction(-1, 2) <= off < Fraction(1, 2)


def test_a_half_goes_up_on_both_sides_of_1970() -> None:
    assert [nearest_index(half * SAMPLE_NS // 2) for half in (-3, -1, 0, 1, 3)] == [-1, 0, 0, 1, 2]
    assert nearest_index(SAMPLE_NS // 2 - 1) == 0


@given(st.integers(-(10**12), 10**12), st.integers(1, 60_000))
def test_ceil_is_the_first_multiple_not_before(index: int, step: int) -> None:
    multiple = ceil_to(index, step)
    assert multiple % step == 0
    assert index <= multiple < index + step


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_562_258_999_997_986_999, "2019-07-04T16:49:59.997986Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (2**63 - 1, "2262-04-11T23:47:16.854775Z"),
        (-(2**63), "1677-09-21T00:12:43.145224Z"),
    ],
)
def test_times_are_written_as_rfc3339(time_ns: int, text: str) -> None:
    assert rfc3339(time_ns) == text

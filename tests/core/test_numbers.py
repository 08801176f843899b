"""core/numbers.py: what becomes of samples that float32 cannot hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from umamba_rt.core.numbers import as_numbers

ANY = arrays.arrays(np.float64, st.integers(0, 20), elements=st.floats(allow_nan=True))


@given(ANY)
def test_what_is_no_number_of_float32_becomes_nan_and_all_else_is_rounded(
    samples: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> None:
    values = as_numbers(samples)
    assert values.dtype == np.float32
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = samples.astype(np.float32)
    expected = np.where(np.isfinite(rounded), rounded, np.float32(np.nan))
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("dtype", [np.int16, np.int32])
def test_counts_of_24_bits_are_exact(dtype: type[np.signedinteger]) -> None:
    largest = min(np.iinfo(dtype).max, 2**23 - 1)
    samples = np.array([-largest, -1, 0, 1, largest], dtype)
    np.testing.assert_array_equal(as_numbers(samples).astype(np.int64), samples)


def test_result_is_a_copy() -> None:
    samples = np.ones(3, np.float32)
    as_numbers(samples)[0] = 7
    assert samples[0] == 1

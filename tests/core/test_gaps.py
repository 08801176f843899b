"""core/gaps.py: what is missing of a window, and what is put in its place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from umamba_rt.core.gaps import Gaps, fill_linear, fill_mean, find_gaps

NAN = float("nan")
MASKS = hnp.arrays(np.bool_, (3, 9))


@given(MASKS)
def test_gaps_are_counted_as_by_hand(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> None:
    window = np.where(mask, np.nan, 1.0).astype(np.float32)
    runs = sum(
        bool(row[i]) and not (i and bool(row[i - 1])) for row in mask for i in range(len(row))
    )
    assert find_gaps(window) == Gaps(worst=max(sum(map(bool, row)) for row in mask), count=runs)


@given(MASKS)
def test_filling_keeps_what_is_there_and_stays_between_neighbours(
    mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
) -> None:
    mask[:, 4] = False
    values = np.random.default_rng(1).normal(size=mask.shape).astype(np.float32)
    window = np.where(mask, np.float32(np.nan), values)
    filled = fill_linear(window)
    assert filled.dtype == np.float32
    np.testing.assert_array_equal(filled[~mask], values[~mask])
    for row, missing, out in zip(values, mask, filled, strict=True):
        known = [i for i in range(len(row)) if not missing[i]]
        for i in np.flatnonzero(missing):
            before = max((k for k in known if k < i), default=None)
            after = min((k for k in known if k > i), default=None)
            if before is None or after is None:
                expected = row[after if before is None else before]
            else:
                share = (i - before) / (after - before)
                expected = row[before] + share * (row[after] - row[before])
            assert out[i] == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_filling_returns_a_new_array() -> None:
    window = np.array([[1, NAN, 3], [NAN, 2, 2], [5, 5, 5]], np.float32)
    np.testing.assert_array_equal(fill_linear(window), [[1, 2, 3], [2, 2, 2], [5, 5, 5]])
    assert np.isnan(window[0, 1])


def test_a_component_without_samples_cannot_be_filled() -> None:
    with pytest.raises(ValueError, match="no sample"):
        fill_linear(np.array([[1, 2], [NAN, NAN], [1, NAN]], np.float32))


@given(MASKS)
def test_the_mean_keeps_what_is_there_and_adds_nothing_to_the_mean(
    mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
) -> None:
    mask[:, 4] = False
    values = np.random.default_rng(1).normal(5e6, 10, mask.shape).astype(np.float32)
    filled = fill_mean(np.where(mask, np.float32(np.nan), values))
    assert filled.dtype == np.float32
    np.testing.assert_array_equal(filled[~mask], values[~mask])
    for row, missing in zip(filled, mask, strict=True):
        known = row[~missing].astype(np.float64)
        np.testing.assert_allclose(row[missing], known.mean(), atol=0.5)  # a float32's step there

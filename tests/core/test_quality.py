from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.quality import (
    FULL_SCALE_COUNTS,
    Gaps,
    fill_linear,
    find_gaps,
    is_clipped,
    snr_db,
)

NAN = float("nan")
MASKS = hnp.arrays(np.bool_, (3, 9))


def noise(scale: float = 100.0) -> Float32Array:
    return np.random.default_rng(3).normal(scale=scale, size=(3, 3001)).astype(np.float32)


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


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("component", [0, 1, 2])
@pytest.mark.parametrize(("run", "clipped"), [(3, False), (4, True), (50, True)])
def test_four_equal_extremes_in_a_row_are_clipped(
    sign: int, component: int, run: int, clipped: bool
) -> None:
    window = noise()
    window[component, 100 : 100 + run] = sign * 5000
    assert is_clipped(window) is clipped


def test_equal_extremes_that_are_apart_are_not_clipped() -> None:
    window = noise()
    window[0, 100:400:2] = 5000
    assert not is_clipped(window)


def test_flat_noise_of_small_integers_is_not_clipped() -> None:
    window = np.zeros((3, 3001), np.float32)
    window[:, 500:600] = 999
    assert not is_clipped(window)
    window[:, 500:600] = 1000
    assert is_clipped(window)


@pytest.mark.parametrize("sign", [1, -1])
def test_full_scale_is_clipped_by_one_sample(sign: int) -> None:
    window = noise()
    window[2, 77] = sign * (FULL_SCALE_COUNTS - 10)
    assert not is_clipped(window)
    window[2, 77] = sign * (FULL_SCALE_COUNTS + 10)
    assert is_clipped(window)


@given(hnp.arrays(np.int8, (3, 40), elements=st.integers(-3, 3)))
def test_the_flat_top_rule_equals_its_plain_form(
    small: np.ndarray[tuple[int, ...], np.dtype[np.int8]],
) -> None:
    window = small.astype(np.float32) * 1000
    plain = False
    for row in window.tolist():
        for level in (max(row), min(row)):
            four = any(row[i : i + 4] == [level] * 4 for i in range(len(row) - 3))
            plain |= four and max(row) - min(row) >= 1000
    assert is_clipped(window) is plain


@pytest.mark.parametrize("loud_s", [1, 20])
@pytest.mark.parametrize("ratio", [1.0, 10.0, 1000.0])
def test_snr_is_the_ratio_of_known_amplitudes(ratio: float, loud_s: int) -> None:
    time_s = np.arange(3001) / 100
    trace = 50 * np.sin(2 * np.pi * 5 * time_s)
    trace[1000 : 1000 + loud_s * 100] *= ratio
    offset_and_drift = 1e5 + 0.01 * time_s
    found = snr_db((trace + offset_and_drift).astype(np.float32))
    assert found == pytest.approx(20 * np.log10(ratio), abs=0.02)


def test_snr_of_a_trace_without_noise_is_unknown() -> None:
    assert snr_db(np.full(3001, 7, np.float32)) is None
    burst = np.zeros(3001, np.float32)
    burst[2000:2050] = 9.0
    assert snr_db(burst) is None


def test_a_whole_second_is_enough_for_an_snr() -> None:
    assert snr_db(noise()[0, :101]) == 0.0

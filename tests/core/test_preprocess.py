from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from umamba_rt.core.amplitude import amplitude_features
from umamba_rt.core.calibration import COUNTS, Calibration
from umamba_rt.core.preprocess import Norm, normalise, prepare

NORMS: tuple[Norm, ...] = ("std", "peak", "none")
RANDOM = np.random.default_rng(7)


def plain(row: list[float], norm: Norm) -> list[float]:
    """The specification, a number at a time."""
    if norm == "none":
        return row
    mean = sum(row) / len(row)
    centred = [value - mean for value in row]
    if norm == "std":
        scale = (sum(value**2 for value in centred) / (len(row) - 1)) ** 0.5
    else:
        scale = max(abs(value) for value in centred)
    return [value / (scale + 1e-10) for value in centred]


@pytest.mark.parametrize("norm", NORMS)
@given(hnp.arrays(np.float64, (3, 12), elements=st.floats(-1e6, 1e6).map(lambda x: round(x, 3))))
def test_every_component_follows_the_formula(
    norm: Norm, window: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> None:
    expected = np.array([plain(row.tolist(), norm) for row in window])
    found = normalise(window, norm)
    # A component that is constant but for rounding is noise of rounding in both.
    lively = np.ptp(window, axis=-1) > 1e-3
    np.testing.assert_allclose(found[lively], expected[lively], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("norm", ["std", "peak"])
@pytest.mark.parametrize("level", [0.0, 1.0, -123456.0, 2.0**31])
def test_a_constant_component_becomes_zeros(norm: Norm, level: float) -> None:
    window = np.stack([np.full(3001, level), RANDOM.normal(size=3001), np.full(3001, -level)])
    found = normalise(window, norm)
    assert not found[0].any()
    assert not found[2].any()
    assert found[1].any()


@pytest.mark.parametrize("norm", ["std", "peak"])
def test_a_large_offset_costs_no_digits(norm: Norm) -> None:
    signal = np.round(RANDOM.normal(scale=5, size=(3, 3001)))
    with_offset = (signal + 8_000_000).astype(np.float32)  # 24-bit counts: exact in float32
    np.testing.assert_allclose(normalise(with_offset, norm), normalise(signal, norm), atol=1e-6)


def test_std_uses_n_minus_1() -> None:
    window = np.array([[0.0, 2.0], [0.0, -2.0], [5.0, 5.0]])
    half = np.sqrt(0.5)
    expected = [[-half, half], [half, -half], [0, 0]]
    np.testing.assert_allclose(normalise(window, "std"), expected, rtol=1e-6)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_batch_equals_its_windows_and_is_float32(norm: Norm, dtype: type[np.floating]) -> None:
    batch = (RANDOM.normal(size=(4, 3, 301)) * 1e4 + 321).astype(dtype)
    untouched = batch.copy()
    found = normalise(batch, norm)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.stack([normalise(one, norm) for one in batch]))
    np.testing.assert_array_equal(batch, untouched)


def test_another_norm_is_refused() -> None:
    with pytest.raises(ValueError, match="none of std, peak, none"):
        normalise(np.zeros((3, 4)), "minmax")  # type: ignore[arg-type]


@pytest.mark.parametrize("amplitude", [False, True])
def test_a_models_input_holds_the_features_only_where_it_asks_for_them(amplitude: bool) -> None:
    windows = RANDOM.normal(size=(2, 3, 3001)).astype(np.float32)
    calibrations = [COUNTS, Calibration("m/s", (1e9,) * 3)]
    found = prepare(windows, calibrations, "std", amplitude=amplitude)
    assert len(found) == 2
    np.testing.assert_array_equal(found.samples, normalise(windows, "std"))
    if amplitude:
        assert found.amplitude is not None
        np.testing.assert_array_equal(found.amplitude, amplitude_features(windows, calibrations))
    else:
        assert found.amplitude is None


@pytest.mark.parametrize("count", [0, 1, 4, 5, 11])
def test_a_window_gives_the_same_bits_in_any_batch(count: int) -> None:
    windows = np.random.default_rng(1).normal(0, 1e3, (count, 3, 3001)).astype(np.float32)
    units = [COUNTS, Calibration("m/s", (1e8, 1e8, 2e8)), Calibration("m/s^2", (1e5, 1e5, 1e5))]
    calibrations = [units[k % 3] for k in range(count)]
    together = prepare(windows, calibrations, "std", amplitude=True)
    assert together.amplitude is not None
    assert len(together) == len(together.amplitude) == count
    for k in range(count):
        alone = prepare(windows[k : k + 1], calibrations[k : k + 1], "std", amplitude=True)
        assert alone.amplitude is not None
        assert np.array_equal(together.samples[k], alone.samples[0])
        assert np.array_equal(together.amplitude[k], alone.amplitude[0])

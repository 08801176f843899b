"""core/uncertainty.py: where the signal begins, and what a law of errors makes of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.calibration import COUNTS, Calibration
from umamba_rt.core.defects import levels_of
from umamba_rt.core.estimate import BatchOutput, Float32Array
from umamba_rt.core.uncertainty import N_TERMS, ErrorModel, error_terms, signal_s

N = 3001
RANDOM = np.random.default_rng(5)
VELOCITY = Calibration("m/s", (1e9,) * 3)
LAW = ErrorModel((-1.0, 0.5, 0.3, 0.1, 1.0, 0.7, 0.4, 0.6))


def said(magnitude: Sequence[float], spread: Sequence[float] | None = None) -> BatchOutput:
    """What a model says of windows."""
    told = None if spread is None else np.array(spread, np.float32)
    return BatchOutput(np.array(magnitude, np.float32), None, spread=told)


def quake(signal: int, ratio: float, seed: int = 0) -> Float32Array:
    """Noise that is ``ratio`` times as loud in the last ``signal`` seconds, shape (3, N)."""
    window = np.random.default_rng(seed).normal(0, 100, (3, N))
    window[:, 3000 - 100 * signal :] *= ratio
    return window.astype(np.float32)


@given(st.integers(1, 29), st.floats(2, 1e4), st.integers(0, 1000))
def test_signal_begins_where_the_window_grows_loud(signal: int, ratio: float, seed: int) -> None:
    deviation = levels_of(quake(signal, ratio, seed)).deviation
    assert signal_s(deviation[None]) == [signal]


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_terms_do_not_know_the_unit(scale: float) -> None:
    window, output = quake(7, 30.0)[None], said([5.0], [0.5])
    scaled = (window * np.float64(scale)).astype(np.float32)
    expected = error_terms(window, output, [VELOCITY])
    np.testing.assert_allclose(error_terms(scaled, output, [VELOCITY]), expected, rtol=1e-5)


def test_each_term_is_what_it_says() -> None:
    windows = np.stack([quake(6, 100.0), quake(6, 100.0), quake(20, 1.0)])
    output = said([6.5, 0.25, 9.0], [7.0, 0.5, 0.0])
    terms = error_terms(windows, output, [VELOCITY, COUNTS, VELOCITY])
    assert terms.shape == (3, N_TERMS)
    np.testing.assert_array_equal(terms[:, 0], 1.0)
    np.testing.assert_allclose(terms[:2, 1], np.exp(-2.0))
    assert (terms[:2, 2] == 0).all()  # 40 dB
    assert 1.5 < terms[2, 2] < 2.0  # noise: a second of 100 samples strays by 1 dB
    np.testing.assert_allclose(terms[:, 3], [2.5, -2.0, 3.0])
    np.testing.assert_allclose(terms[:, 4], [0.0, 0.75, 0.0])
    np.testing.assert_allclose(np.sinh(terms[:, 5]), [28.0, 2.0, 0.0])
    np.testing.assert_allclose(terms[:2, 6], np.exp(-12.0))  # 24 s before it
    np.testing.assert_array_equal(terms[:, 7], [0.0, 1.0, 0.0])


def test_the_time_before_the_signal_counts_where_it_is_short() -> None:
    windows = np.stack([quake(29, 100.0), quake(28, 100.0), quake(1, 100.0)])
    terms = error_terms(windows, said([3.0, 3.0, 3.0]), [VELOCITY] * 3)
    np.testing.assert_allclose(terms[:, 6], np.exp([-0.5, -1.0, -14.5]))


def test_an_engine_that_tells_no_spread_leaves_its_term_at_zero() -> None:
    terms = error_terms(quake(6, 100.0)[None], said([3.0]), [VELOCITY])
    assert terms[0, 5] == 0.0


def test_a_constant_window_has_a_finite_sigma() -> None:
    windows = np.zeros((2, 3, N), np.float32)
    sigma = LAW.sigma(windows, said([0.0, 0.0], [0.0, 0.0]), [VELOCITY, COUNTS])
    assert sigma.dtype == np.float32
    assert np.isfinite(sigma).all()
    assert (sigma > 0).all()


def test_sigma_of_a_batch_is_that_of_its_windows() -> None:
    windows = RANDOM.normal(0, 1000, (4, 3, N)).astype(np.float32)
    magnitude, spread = [0.0, 2.0, 4.0, 8.0], [0.1, 0.2, 0.4, 0.8]
    units = [VELOCITY, COUNTS, VELOCITY, COUNTS]
    alone = [
        LAW.sigma(windows[i : i + 1], said([magnitude[i]], [spread[i]]), [units[i]])[0]
        for i in range(4)
    ]
    np.testing.assert_array_equal(LAW.sigma(windows, said(magnitude, spread), units), alone)


def test_an_earlier_law_reads_neither_spread_nor_unit() -> None:
    earlier = ErrorModel((-1.0, 0.5, 0.3, 0.1, 1.0))
    same = ErrorModel((-1.0, 0.5, 0.3, 0.1, 1.0, 0.0, 0.0, 0.0))
    windows, output = quake(4, 9.0)[None], said([5.0], [3.0])
    found = earlier.sigma(windows, output, [COUNTS])
    np.testing.assert_array_equal(found, same.sigma(windows, output, [VELOCITY]))
    assert found < LAW.sigma(windows, output, [COUNTS])


def test_weights_are_as_many_as_terms_and_finite() -> None:
    with pytest.raises(ValueError, match="expected 8 finite weights"):
        ErrorModel((1.0, 2.0))
    with pytest.raises(ValueError, match="expected 8 finite weights"):
        ErrorModel((1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, float("nan")))

"""training/augment.py: what is changed, and what must not be."""

from __future__ import annotations

import numpy as np

from umamba_rt.core.calibration import COUNTS, Calibration
from umamba_rt.training.augment import augmented, maybe_unknown


def test_energy_stays_within_the_gains_and_its_share_of_noise() -> None:
    window = np.random.default_rng(0).normal(0, 2.0, (3, 3001)).astype(np.float32)
    before = float(np.square(window).sum())
    for seed in range(50):
        after = augmented(np.random.default_rng(seed), window)
        assert after.shape == window.shape
        assert after.dtype == np.float32
        assert 0.5 < float(np.square(after).sum()) / before < 2.5


def test_horizontals_are_turned_together_and_the_vertical_is_not() -> None:
    time = np.arange(3001) / 100
    window = np.stack([np.sin(time), np.cos(time), 0 * time]).astype(np.float32)
    window -= window.mean(axis=1, keepdims=True)
    ratios = set()
    for seed in range(20):
        z, n, e = augmented(np.random.default_rng(seed), window)
        if np.allclose(n / np.abs(n).max(), z / np.abs(z).max(), atol=1e-3):
            continue  # the vertical stands for the horizontals
        assert abs(np.corrcoef(z, window[0])[0, 1]) > 0.9
        assert abs(np.corrcoef(n, window[1])[0, 1]) > 0.5 or np.abs(n).max() < 0.9
        ratios.add(round(float(np.abs(n).max() / (np.abs(e).max() + 1e-9)), 3))
    assert len(ratios) > 10


def test_the_window_itself_is_left_alone() -> None:
    window = np.random.default_rng(1).normal(size=(3, 3001)).astype(np.float32)
    kept = window.copy()
    augmented(np.random.default_rng(2), window)
    np.testing.assert_array_equal(window, kept)


def test_the_same_seed_gives_the_same_window() -> None:
    window = np.random.default_rng(1).normal(size=(3, 3001)).astype(np.float32)
    one, two = (augmented(np.random.default_rng(5), window) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_the_unit_is_forgotten_as_often_as_asked() -> None:
    rng, known = np.random.default_rng(0), Calibration("m/s", (1.0, 1.0, 1.0))
    forgotten = sum(maybe_unknown(rng, known, 0.2) == COUNTS for _ in range(2000))
    assert 330 < forgotten < 470
    assert maybe_unknown(rng, known, 0.0) == known

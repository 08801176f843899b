from __future__ import annotations

import numpy as np
import pytest

from umamba_rt.training.onset import find_onset


def burst(at: int, ratio: float, samples: int = 6000, seed: int = 0) -> np.ndarray:
    """Noise, and from ``at`` on waves ``ratio`` times as strong that decay."""
    rng = np.random.default_rng(seed)
    trace = rng.normal(0, 1, samples)
    decay = np.exp(-np.arange(samples - at) / 1500)
    trace[at:] += ratio * decay * rng.normal(0, 1, samples - at)
    return trace.astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("off", [-80, 0, 80])
def test_onset_is_found_to_a_tenth_of_a_second(seed: int, off: int) -> None:
    onset = find_onset(burst(3000, 20, seed=seed), 3000 + off, 1.5)
    assert onset is not None
    assert abs(onset.sample - 3000) <= 10
    assert 20 < onset.snr_db < 30


def test_offset_of_a_digitiser_is_no_onset() -> None:
    onset = find_onset(burst(3000, 20) + 1e6, 3000, 1.5)
    assert onset is not None
    assert abs(onset.sample - 3000) <= 10


@pytest.mark.parametrize("seed", range(5))
def test_noise_has_no_onset(seed: int) -> None:
    assert find_onset(burst(3000, 0, seed=seed), 3000, 2.0) is None


def test_onset_outside_the_tolerance_is_not_taken() -> None:
    assert find_onset(burst(3000, 20), 3000 + 300, 1.5) is None
    assert find_onset(burst(3000, 20), 3000 - 400, 1.5) is None


def test_no_pick_where_samples_around_it_are_missing() -> None:
    trace = burst(1200, 20, 2000)
    assert find_onset(trace, 1200, 1.5) is None
    assert find_onset(burst(1800, 20, 2000), 1800, 1.5) is None


def test_dead_trace_has_no_onset() -> None:
    assert find_onset(np.zeros(6000, np.float32), 3000, 1.5) is None


def test_signal_out_of_zeros_is_not_picked() -> None:
    # Zeros before a wave are a filled gap, and tell nothing of its signal to noise ratio.
    trace = burst(3000, 20)
    trace[:3000] = 0
    assert find_onset(trace, 3000, 1.5) is None

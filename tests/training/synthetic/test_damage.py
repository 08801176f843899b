import numpy as np
import pytest

from umamba_rt.training.synthetic import damage


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(3, 6601)).astype(np.float32)


def test_clipping_cuts_both_sides_and_says_so() -> None:
    samples = noise()
    assert damage.clip(samples, 1.5)
    assert samples.max() == 1.5
    assert samples.min() == -1.5


def test_what_stays_below_full_scale_is_left_alone() -> None:
    samples = noise()
    before = samples.copy()
    assert not damage.clip(samples, 100.0)
    np.testing.assert_array_equal(samples, before)


def test_a_gap_is_a_straight_line_between_its_neighbours() -> None:
    samples = noise()
    before = samples.copy()
    damage.gap(np.random.default_rng(1), samples, share=1.0)
    changed = np.flatnonzero((samples != before).any(axis=0))
    assert 5 <= changed.size <= 100
    assert changed[-1] - changed[0] == changed.size - 1
    line = samples[:, changed[0] - 1 : changed[-1] + 2].astype(np.float64)
    np.testing.assert_allclose(np.diff(line, 2, axis=1), 0.0, atol=1e-5)


def test_no_gap_is_made_where_none_is_due() -> None:
    samples = noise()
    damage.gap(np.random.default_rng(1), samples, share=0.0)
    np.testing.assert_array_equal(samples, noise())


@pytest.mark.parametrize("seed", range(12))
def test_disturbances_stay_finite_and_of_the_noises_order(seed: int) -> None:
    samples = noise()
    damage.disturb(np.random.default_rng(seed), samples)
    added = np.abs(samples - noise())
    assert np.isfinite(samples).all()
    assert 0.5 < added.max() < 5000.0


def test_offsets_are_constant_or_slow() -> None:
    for seed in range(20):
        samples = noise()
        damage.offset(np.random.default_rng(seed), samples, full_scale=1e3)
        added = (samples - noise()).astype(np.float64)
        assert np.abs(np.diff(added, axis=1)).max() < 0.01
        assert np.abs(added).max() < 100.0

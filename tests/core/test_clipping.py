"""core/clipping.py: flat tops, plateaus and full scale, made and recorded."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.support import needs_shared, ridgecrest
from umamba_rt.core.clipping import FULL_SCALE_COUNTS, is_clipped
from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.resample import Resampler


def noise(scale: float = 100.0) -> Float32Array:
    return np.random.default_rng(3).normal(scale=scale, size=(3, 3001)).astype(np.float32)


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


def limited(limit: float, rate_hz: int = 100, corner_hz: float = 4.0) -> Float32Array:
    """30 s of shaking of a million counts, cut off at a limit, at 100 Hz."""
    rng = np.random.default_rng(5)
    time_s = np.arange(30 * rate_hz + 1) / rate_hz
    phases = rng.uniform(0, 2 * np.pi, (3, 40, 1))
    sines = np.sin(2 * np.pi * np.linspace(0.5, corner_hz, 40)[:, None] * time_s + phases)
    ground = 1e6 * sines.sum(axis=1) / np.sqrt(20)
    # Half a count of noise: no two samples on the limit are equal.
    ground = np.clip(ground, -limit, limit) + rng.normal(0, 500, ground.shape)
    return np.asarray(ground, dtype=np.float32)


@pytest.mark.parametrize(("limit", "clipped"), [(3e6, False), (1.2e6, True), (7e5, True)])
def test_a_limit_before_a_noisy_digitiser_is_found(limit: float, clipped: bool) -> None:
    assert is_clipped(limited(limit)) is clipped


@pytest.mark.parametrize("rate_hz", [200, 250, 500])
def test_a_limit_is_found_behind_a_resampling_filter(rate_hz: int) -> None:
    for limit, clipped in ((3e6, False), (7e5, True)):
        rows = []
        for row in limited(limit, rate_hz):
            resampler = Resampler(Fraction(rate_hz), 0)
            rows.append(np.concatenate((resampler.push(row), resampler.finish())))
        assert is_clipped(np.stack(rows)) is clipped


@pytest.mark.parametrize("period_s", [0.5, 1.0, 3.0, 20.0])
def test_a_sine_of_any_period_is_not_clipped(period_s: float) -> None:
    sine = 1e6 * np.sin(2 * np.pi * np.arange(3001) / 100 / period_s)
    assert not is_clipped((sine + noise(100)).astype(np.float32))


@needs_shared
def test_the_broadband_sensors_that_reach_their_limit_in_the_m64_are_clipped() -> None:
    # The 30 s from 6 s after the origin on; the strong motion sensors hold.
    found = {name: is_clipped(ridgecrest(name, 2635, 30)) for name in ("CLC", "SLA", "WNM", "WRV2")}
    assert found == {"CLC": True, "SLA": True, "WNM": False, "WRV2": False}

"""core/defects.py: flat lines, spikes and steps, made by hand and in recorded noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import needs_shared, ridgecrest
from umamba_rt.core.defects import SPIKE_LEAST_COUNTS, count_spikes, flat_s, has_step, levels_of
from umamba_rt.core.estimate import Float32Array

STATIONS = ("CCC", "SLA", "WNM", "B916")


def noise(scale: float = 100.0, seed: int = 3, count: int = 3001) -> Float32Array:
    return np.random.default_rng(seed).normal(scale=scale, size=(3, count)).astype(np.float32)


@given(st.integers(2, 900), st.integers(0, 2000), st.integers(0, 2))
def test_a_repeated_value_is_flat_from_a_second_on(count: int, first: int, component: int) -> None:
    window = noise()
    window[component, first : first + count] = 17
    assert flat_s(window) == (count / 100 if count >= 100 else 0.0)


def test_the_longest_of_several_flat_lines_counts() -> None:
    window = noise()
    window[0, 100:250], window[1, :330], window[2, -200:] = 1, 2, 3
    assert flat_s(window) == 3.3
    assert flat_s(np.zeros((3, 3001), np.float32)) == 30.01


def test_a_gap_ends_a_flat_line_and_is_none() -> None:
    window = noise()
    window[0, 100:290] = 5
    window[0, 195] = np.nan
    assert flat_s(window) == 0.0
    window[1, 1000:2000] = np.nan
    assert flat_s(window) == 0.0


@pytest.mark.parametrize("count", [1, 2, 60, 99, 100, 101])
def test_short_windows_can_be_flat_too(count: int) -> None:
    assert flat_s(np.zeros((3, count), np.float32)) == (count / 100 if count >= 100 else 0.0)


@given(st.integers(16, 2984), st.integers(0, 2), st.sampled_from([-1, 1]))
def test_a_spike_anywhere_in_noise_is_counted(at: int, component: int, sign: int) -> None:
    window = noise()
    assert count_spikes(window) == 0
    window[component, at] += sign * 10_000
    assert count_spikes(window) == 1


def test_spikes_that_are_apart_are_counted_one_by_one() -> None:
    window = noise()
    window[0, 100::500] += 9_000
    window[2, 333] -= 9_000
    assert count_spikes(window) == 7


def test_a_spike_of_a_dead_channel_is_counted_and_flicker_is_not() -> None:
    window = np.zeros((3, 3001), np.float32)
    window[0, 500] = SPIKE_LEAST_COUNTS
    assert count_spikes(window) == 0
    window[0, 500] = SPIKE_LEAST_COUNTS + 1
    assert count_spikes(window) == 1


@pytest.mark.parametrize("width", [1, 2, 50])
def test_a_step_or_a_wider_pulse_is_no_spike(width: int) -> None:
    window = noise()
    window[0, 1000 : 1000 + width] += 10_000
    assert count_spikes(window) == (width == 1)
    window[1, 2000:] += 10_000
    assert count_spikes(window) == (width == 1)


def test_an_onset_is_no_spike() -> None:
    # 20 Hz that sets in within a sample, a thousand times the noise.
    window = noise(10)
    time_s = np.arange(1500) / 100
    window[:, 1501:] += (1e4 * np.cos(2 * np.pi * 20 * time_s) * np.exp(-time_s)).astype(np.float32)
    assert count_spikes(window) == 0


def test_huge_values_overflow_nothing() -> None:
    window = noise()
    window[0, 1000], window[1, 1500] = 3e38, -3e38
    with np.errstate(over="raise"):
        assert count_spikes(window) == 2


@pytest.mark.parametrize("count", [1, 2, 36])
def test_a_window_too_short_for_a_spike_has_none(count: int) -> None:
    assert count_spikes(noise(count=max(count, 2))[:, :count]) == 0


@given(st.integers(400, 2599), st.integers(0, 2), st.sampled_from([-1, 1]))
def test_a_step_at_any_time_is_found(at: int, component: int, sign: int) -> None:
    window = noise()
    assert not has_step(levels_of(window))
    window[component, at:] += sign * 600
    assert has_step(levels_of(window))


@pytest.mark.parametrize("at", [150, 250, 2750, 2990])
def test_a_step_near_an_end_is_left_to_another_window(at: int) -> None:
    window = noise()
    window[0, at:] += 600
    assert not has_step(levels_of(window))


def test_what_returns_drifts_or_shakes_is_no_step() -> None:
    time_s = np.arange(3001) / 100
    for shape in (
        600.0 * ((time_s > 8) & (time_s < 20)),  # there and back
        100 * time_s,  # a drift
        5000 * np.sin(2 * np.pi * time_s / 20),  # a long wave
        np.where(time_s > 15, 3000 * np.sin(2 * np.pi * 3 * time_s) + 600, 0),  # within shaking
    ):
        assert not has_step(levels_of(noise() + shape.astype(np.float32)))


def test_a_step_of_a_constant_channel_counts_from_one_count_on() -> None:
    for size, found in ((1, False), (2, True)):
        window = np.zeros((3, 3001), np.float32)
        window[1, 1500:] = size
        assert has_step(levels_of(window)) is found


@pytest.mark.parametrize("seconds", [1, 5, 6])
def test_a_window_too_short_for_a_step_has_none(seconds: int) -> None:
    window = np.zeros((3, seconds * 100), np.float32)
    window[:, seconds * 50 :] = 1e6
    assert not has_step(levels_of(window))


@needs_shared
@pytest.mark.parametrize("station", STATIONS)
def test_recorded_noise_has_no_defect_and_shows_those_that_are_put_in(station: str) -> None:
    window = ridgecrest(station, 60, 30)
    assert (flat_s(window), count_spikes(window), has_step(levels_of(window))) == (0.0, 0, False)
    scale = float(window.std())
    spiked, stepped, dead = window.copy(), window.copy(), window.copy()
    spiked[1, 1234] += max(30 * scale, 40)
    stepped[2, 1500:] += 40 * scale
    dead[0, 900:1200] = window[0, 900]
    assert count_spikes(spiked) == 1
    assert has_step(levels_of(stepped))
    assert flat_s(dead) >= 3.0

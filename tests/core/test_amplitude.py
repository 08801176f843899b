"""core/amplitude.py: levels of motions whose numbers are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.amplitude import (
    FLOOR,
    N_AMPLITUDE,
    N_SECONDS,
    REFERENCE,
    SCALE,
    SECOND_BANDS_HZ,
    WINDOW_BANDS_HZ,
    amplitude_features,
    unknown_amplitude,
)
from umamba_rt.core.calibration import COUNTS, Calibration, Unit
from umamba_rt.core.estimate import Float32Array

N = 3001
TIME_S = np.arange(N) / 100
N_BANDS, N_SECOND_BANDS = len(WINDOW_BANDS_HZ) - 1, len(SECOND_BANDS_HZ) - 1


def levels_of(
    feature: Float32Array,
) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """Features of one window back in physical units, components last."""
    values = 10.0 ** (feature[:-3].astype(float) / SCALE) * REFERENCE - FLOOR
    rows = values.reshape(-1, 3)
    sizes = [N_BANDS, 3, N_SECOND_BANDS, N_SECOND_BANDS, N_SECOND_BANDS * N_SECONDS]
    edges = np.cumsum(sizes)
    names = ("bands", "peaks", "loudest", "quiet", "seconds")
    starts = [0, *edges[:-1]]
    return {name: rows[a:b] for name, a, b in zip(names, starts, edges, strict=True)}


def burst(unit: Unit, frequency_hz: float, peak: float) -> Float32Array:
    """Ten seconds of a sine of velocity under a Hann envelope, as velocity or acceleration."""
    phase = np.clip((TIME_S - 10) / 10, 0, 1) * 2 * np.pi
    envelope, slope = 0.5 - 0.5 * np.cos(phase), np.pi / 10 * np.sin(phase)
    omega = 2 * np.pi * frequency_hz
    sine, cosine = np.sin(omega * (TIME_S - 10)), np.cos(omega * (TIME_S - 10))
    wave = envelope * sine if unit == "m/s" else slope * sine + envelope * omega * cosine
    return peak * np.stack([wave, 0.5 * wave, 0.1 * wave]).astype(np.float32)


@pytest.mark.parametrize("unit", ["m/s", "m/s^2"])
@pytest.mark.parametrize("frequency_hz", [0.6, 1.2, 5.0, 20.0])
def test_a_burst_has_its_own_levels_in_either_unit(unit: Unit, frequency_hz: float) -> None:
    velocity, gain, omega = 3e-3, 5e5, 2 * np.pi * frequency_hz
    window = burst(unit, frequency_hz, velocity) * gain
    (feature,) = amplitude_features(window[None], [Calibration(unit, (gain,) * 3)])
    levels = levels_of(feature)
    components = np.array([1.0, 0.5, 0.1])
    band = np.searchsorted(WINDOW_BANDS_HZ, frequency_hz) - 1
    # A third of the window, and a Hann envelope's mean square of 3/8.
    root_mean_square = velocity * (3 / 8 / 2 / 3) ** 0.5
    np.testing.assert_allclose(levels["bands"][band], root_mean_square * components, rtol=0.03)
    assert (np.delete(levels["bands"], band, axis=0) < 0.05 * root_mean_square).all()
    expected = np.array([velocity / omega, velocity, velocity * omega])
    np.testing.assert_allclose(levels["peaks"], expected[:, None] * components, rtol=0.07)


def test_quiet_and_loud_seconds_are_told_apart() -> None:
    noise = np.random.default_rng(0).normal(0, 1e-7, (3, N))
    noise[:, 2000:2500] *= 1000
    (feature,) = amplitude_features(noise[None], [Calibration("m/s", (1.0,) * 3)])
    levels = levels_of(feature)
    ratio = levels["loudest"] / levels["quiet"]
    assert (ratio > 200).all()
    assert (ratio < 5000).all()


def test_each_second_has_its_own_levels_the_last_one_last() -> None:
    noise = np.random.default_rng(0).normal(0, 1e-7, (3, N))
    noise[1, 2401:2501] *= 1000
    (feature,) = amplitude_features(noise[None], [Calibration("m/s", (1.0,) * 3)])
    seconds = levels_of(feature)["seconds"].reshape(N_SECOND_BANDS, N_SECONDS, 3)
    # Samples 2401 to 2500 are the sixth second from the end.
    assert (seconds[..., 1].argmax(axis=1) == N_SECONDS - 6).all()
    middle = seconds[3:, 5:20, :]
    assert middle.max() / middle.min() < 5


def test_a_shorter_window_repeats_its_first_second() -> None:
    window = np.random.default_rng(4).normal(0, 1e-6, (1, 3, 1001))
    (feature,) = amplitude_features(window, [Calibration("m/s", (1.0,) * 3)])
    assert feature.shape == (N_AMPLITUDE,)
    seconds = levels_of(feature)["seconds"].reshape(N_SECOND_BANDS, N_SECONDS, 3)
    assert (seconds[:, :21] == seconds[:, :1]).all()
    assert (seconds[:, 21] != seconds[:, 20]).any()


@given(factor=st.floats(1e-3, 1e9), seed=st.integers(0, 100))
def test_counts_and_sensitivity_cancel(factor: float, seed: int) -> None:
    window = np.random.default_rng(seed).normal(0, 1e-4, (1, 3, N))
    plain = amplitude_features(window, [Calibration("m/s", (1.0,) * 3)])
    scaled = amplitude_features(window * factor, [Calibration("m/s", (factor,) * 3)])
    np.testing.assert_allclose(scaled, plain, atol=1e-4)


def test_an_offset_of_the_digitiser_changes_nothing() -> None:
    window = np.random.default_rng(1).normal(0, 100, (1, 3, N)).astype(np.float32)
    calibration = [Calibration("m/s", (6e8,) * 3)]
    moved = amplitude_features(window.astype(np.float64) + 2e6, calibration)
    np.testing.assert_allclose(moved, amplitude_features(window, calibration), atol=1e-3)


def test_a_window_in_counts_has_only_its_flag() -> None:
    windows = np.random.default_rng(2).normal(0, 100, (3, 3, N)).astype(np.float32)
    known = Calibration("m/s^2", (2e5,) * 3)
    features = amplitude_features(windows, [COUNTS, known, COUNTS])
    assert features.dtype == np.float32
    assert features.shape == (3, N_AMPLITUDE)
    np.testing.assert_array_equal(features[[0, 2]], unknown_amplitude(2))
    assert features[1, -3:].tolist() == [0.0, 1.0, 0.0]
    np.testing.assert_array_equal(features[1], amplitude_features(windows[1:2], [known])[0])


def test_a_batch_in_counts_alone_is_all_unknown() -> None:
    windows = np.random.default_rng(3).normal(0, 100, (2, 3, N)).astype(np.float32)
    np.testing.assert_array_equal(
        amplitude_features(windows, [COUNTS, COUNTS]), unknown_amplitude(2)
    )


def test_silence_is_a_finite_number() -> None:
    (feature,) = amplitude_features(np.zeros((1, 3, N)), [Calibration("m/s", (1.0,) * 3)])
    assert np.isfinite(feature).all()
    np.testing.assert_allclose(feature[:-3], SCALE * np.log10(FLOOR / REFERENCE), rtol=1e-6)

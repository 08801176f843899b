"""How strongly the ground moved in a window: what its normalisation takes away, as numbers.

The models see a window divided by its own standard deviation. These features give the absolute
scale back, as levels of ground velocity in octave bands, of the whole window and of each second,
so that velocity and acceleration sensors speak of the same quantity. On the dev split of the
labelled windows that chose them, mean absolute errors 25 s after P were 0.74 for a linear
regression on the three standard deviations, 0.45 for one on the levels of the window, and 0.30
for a small perceptron that had the seconds, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from umamba_rt.core.calibration import Calibration
from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.timebase import RATE_HZ

# Hz; edges of the bands of the whole window, and of its seconds. 30 s hold three periods of 0.1 Hz.
WINDOW_BANDS_HZ = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 50.0)
SECOND_BANDS_HZ = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 50.0)
N_SECONDS = 30
QUIET_SHARE = 5  # the quiet second: the one that a fifth of all are not louder than
# Levels are log10 of m/s (m, m/s^2 for those peaks) over 1e-6, halved: about -2.5 to 3.
REFERENCE = 1e-6
SCALE = 0.5
# Added to every level: below any digitiser's step, so that a silent band is a number.
FLOOR = 1e-11
_TAPER_IN, _TAPER_OUT = RATE_HZ, RATE_HZ // 4  # samples

_N_SECOND_BANDS = len(SECOND_BANDS_HZ) - 1
_N_OF_WINDOW = 3 * (len(WINDOW_BANDS_HZ) - 1 + 3 + _N_SECOND_BANDS * 2)
_N_LEVELS = _N_OF_WINDOW + 3 * _N_SECOND_BANDS * N_SECONDS
# Where among the features the levels of each second lie.
OF_SECONDS = slice(_N_OF_WINDOW, _N_LEVELS)
# Velocity, acceleration, not known.
_FLAGS = {"m/s": 0, "m/s^2": 1, "counts": 2}
N_AMPLITUDE = _N_LEVELS + len(_FLAGS)


def unknown_amplitude(count: int) -> Float32Array:
    """Features of ``count`` windows whose unit is not known: all zeros but that flag."""
    features = np.zeros((count, N_AMPLITUDE), np.float32)
    features[:, _N_LEVELS + _FLAGS["counts"]] = 1.0
    return features


def amplitude_features(
    windows: NDArray[np.floating], calibrations: Sequence[Calibration]
) -> Float32Array:
    """Levels of ground motion of raw windows.

    Args:
        windows: shape ``(B, 3, n)``, order Z N E, counts at 100 Hz, finite; n >= 201.
        calibrations: of each window.

    Returns:
        Shape ``(B, N_AMPLITUDE)``: for each band, then component, the root mean square of ground
        velocity; the peaks of displacement, velocity and acceleration above 0.1 Hz; for each band
        of a second's length the loudest second and the quiet one; then for each of these bands
        the last 30 seconds, the first of the window standing for those that a shorter one lacks;
        then one flag of three for the unit. A window in counts has zeros and the third flag.
    """
    features = unknown_amplitude(len(windows))
    known = [i for i, calibration in enumerate(calibrations) if calibration.unit != "counts"]
    if not known:
        return features
    chosen = [calibrations[i] for i in known]
    per_unit = np.array([calibration.counts_per_unit for calibration in chosen])
    motion = windows[known].astype(np.float64) / per_unit[:, :, None]
    is_acceleration = np.array([calibration.unit == "m/s^2" for calibration in chosen])
    features[known, :_N_LEVELS] = _levels(motion, is_acceleration)
    features[known, _N_LEVELS:] = 0.0
    features[known, [_N_LEVELS + _FLAGS[calibration.unit] for calibration in chosen]] = 1.0
    return features


def _levels(motion: NDArray[np.float64], is_acceleration: NDArray[np.bool_]) -> NDArray[np.float64]:
    """All levels, shape ``(B, _N_LEVELS)``, of ground motion of shape ``(B, 3, n)``."""
    n = motion.shape[-1]
    size = scipy.fft.next_fast_len(n, real=True)
    # float32 from here on halves the time; 1e-7 of the loudest band lies below the quietest.
    spectrum = scipy.fft.rfft(_tapered(motion).astype(np.float32), size)
    frequency = np.arange(spectrum.shape[-1]) * (RATE_HZ / size)
    # Above the lowest band only: integration blows up what lies below it.
    passed = frequency >= WINDOW_BANDS_HZ[0]
    omega = (2j * np.pi * np.where(passed, frequency, 1.0)).astype(np.complex64)
    velocity = np.where(is_acceleration[:, None, None], spectrum / omega, spectrum)
    velocity[..., ~passed] = 0.0
    # Parseval: twice the one-sided energy, over the window's own length.
    bands = np.sqrt(_summed(velocity, frequency, WINDOW_BANDS_HZ) * (2.0 / (size * n)))
    traces = scipy.fft.irfft(np.stack((velocity / omega, velocity, velocity * omega)), size)
    peaks = np.abs(traces[..., :n]).max(axis=-1)  # (3 kinds, B, 3)
    seconds = _seconds(traces[1, ..., :n])  # (bands of a second, seconds, B, 3)
    ordered = np.sort(seconds, axis=1)
    loudest, quiet = ordered[:, -1], ordered[:, seconds.shape[1] // QUIET_SHARE]
    each = _last(seconds).reshape(-1, *bands.shape[1:])
    levels = np.concatenate((bands, peaks, loudest, quiet, each))  # (levels, B, 3)
    flat = levels.transpose(1, 0, 2).reshape(len(motion), _N_LEVELS)
    return SCALE * np.log10((flat + FLOOR) / REFERENCE)


def _tapered(motion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without mean, and led to zero at both ends: a window is no period.

    Quickly at the end: there stands what has just arrived.
    """
    taper = np.ones(motion.shape[-1])
    for length, part in ((_TAPER_IN, taper), (_TAPER_OUT, taper[::-1])):
        part[:length] = 0.5 - 0.5 * np.cos(np.pi * np.arange(length) / length)
    tapered: NDArray[np.float64] = (motion - motion.mean(axis=-1, keepdims=True)) * taper
    return tapered


def _summed(
    spectrum: NDArray[np.complex64], frequency: NDArray[np.float64], edges: tuple[float, ...]
) -> Float32Array:
    """Sum of squares in each band, bands first."""
    energy = spectrum.real**2 + spectrum.imag**2
    places = np.searchsorted(frequency, edges)
    return np.stack([energy[..., a:b].sum(axis=-1) for a, b in pairwise(places)])


def _seconds(velocity: Float32Array) -> Float32Array:
    """Levels of the whole seconds before the end, m/s, shape ``(bands, seconds, B, 3)``."""
    n = velocity.shape[-1]
    count = n // RATE_HZ
    blocks = velocity[..., n - count * RATE_HZ :].reshape(*velocity.shape[:-1], count, RATE_HZ)
    frequency = np.arange(RATE_HZ // 2 + 1, dtype=np.float64)  # 1 Hz apart
    sums = _summed(scipy.fft.rfft(blocks), frequency, SECOND_BANDS_HZ)
    return np.moveaxis(np.sqrt(sums * (2.0 / RATE_HZ**2)), -1, 1)


def _last(seconds: Float32Array) -> Float32Array:
    """The last 30 of the seconds, or all, behind as many of the first as are lacking."""
    lacking = max(0, N_SECONDS - seconds.shape[1])
    lead = np.repeat(seconds[:, :1], lacking, axis=1)
    return np.concatenate((lead, seconds[:, -N_SECONDS:]), axis=1)

"""What is known of a window besides its samples: gaps, filling, clipping, signal to noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.calibration import Unit
from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.timebase import RATE_HZ

# A 24-bit digitiser ends at 2**23 counts.
FULL_SCALE_COUNTS = 0.99 * 2**23
CLIPPED_RUN = 4
CLIPPED_MIN_RANGE = 1000.0
# Levels below this share of a float32's resolution of the peak are rounding, not noise.
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Quality:
    """Quality of one window; the fields are those of the feed.

    Attributes:
        gap_s: missing time of the component that misses most, s.
        gap_count: number of separate gaps, all components together.
        filled_s: time filled by interpolation in the component that misses most, s.
        clipped: a component is flat-topped or at a 24-bit digitiser's full scale.
        snr_db: loudest over quiet second of the vertical, dB; None where it has no noise.
        native_rate_hz: rate of the vertical channel before resampling, Hz.
        components: subsource codes used, as in ``ZNE`` or ``Z12``.
        complete: no sample was missing.
        unit: ground motion that the samples are proportional to; ``counts``: not known.
    """

    gap_s: float
    gap_count: int
    filled_s: float
    clipped: bool
    snr_db: float | None
    native_rate_hz: float
    components: str
    complete: bool
    unit: Unit = "counts"


@dataclass(frozen=True, slots=True)
class Gaps:
    """Missing samples of a window: the most in one component, and the number of gaps."""

    worst: int
    count: int


def find_gaps(window: Float32Array) -> Gaps:
    """Count what is missing.

    Args:
        window: shape ``(3, n)``; NaN where a sample is missing.
    """
    missing = np.isnan(window)
    if not missing.any():
        return Gaps(worst=0, count=0)
    starts = np.diff(missing, axis=1, prepend=False) & missing
    return Gaps(worst=int(missing.sum(axis=1).max()), count=int(np.count_nonzero(starts)))


def fill_linear(window: Float32Array) -> Float32Array:
    """Interpolate over missing samples; at the ends the nearest sample goes on.

    Args:
        window: shape ``(3, n)``; NaN where a sample is missing; each component has one at least.

    Returns:
        A new array of the same shape without NaN.

    Raises:
        ValueError: a component has no sample at all.
    """
    filled = window.copy()
    for row in filled:
        missing = np.isnan(row)
        if not missing.any():
            continue
        present = np.flatnonzero(~missing)
        if len(present) == 0:
            raise ValueError("a component has no sample to interpolate from")
        row[missing] = np.interp(np.flatnonzero(missing), present, row[present])
    return filled


def is_clipped(window: Float32Array) -> bool:
    """Whether a component is flat-topped or reaches a 24-bit digitiser's full scale.

    Flat-topped: four or more consecutive samples equal to the largest or smallest value, of a
    component that ranges over 1,000 counts or more (small integers of quiet noise repeat freely).

    Args:
        window: shape ``(3, n)``, counts, finite.
    """
    top, bottom = window.max(axis=1), window.min(axis=1)
    if max(float(top.max()), -float(bottom.min())) >= FULL_SCALE_COUNTS:
        return True
    for row, high, low in zip(window, top, bottom, strict=True):
        if high - low < CLIPPED_MIN_RANGE:
            continue
        if _has_flat_run(row == high) or _has_flat_run(row == low):
            return True
    return False


def _has_flat_run(flags: NDArray[np.bool_]) -> bool:
    if np.count_nonzero(flags) < CLIPPED_RUN:  # nearly always, and an eighth of the cost
        return False
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return bool((edges[1::2] - edges[::2]).max() >= CLIPPED_RUN)


def snr_db(trace: Float32Array) -> float | None:
    """Loudest second over the quiet second of a window (the tenth percentile), dB.

    Args:
        trace: shape ``(n,)``, the vertical, finite; n >= 1 s.

    Returns:
        20 log10 of the ratio of root mean squares after subtracting each second's own mean, so
        that an offset or a slow drift counts as neither; None where the quiet second is constant.
    """
    seconds = len(trace) // RATE_HZ
    blocks = trace[: seconds * RATE_HZ].astype(np.float64).reshape(seconds, RATE_HZ)
    levels = np.sort(blocks.std(axis=1))
    noise, signal = float(levels[seconds // 10]), float(levels[-1])
    if noise <= _TINY * max(1.0, signal):
        return None
    return 20.0 * float(np.log10(signal / noise))

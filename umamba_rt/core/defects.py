"""What a sensor or its line does to samples that no ground does: flat lines, spikes, steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.timebase import RATE_HZ

Float64Array = NDArray[np.float64]

# The quietest sensors of the Ridgecrest archive (2.3 counts of noise) repeat a value 8 times at
# most; noise of 0.2 counts would 100 times in 30 % of all windows, and then it is flat indeed.
FLAT_RUN = RATE_HZ
_FLAT_BLOCK = FLAT_RUN // 2 - 1  # any such run holds one aligned block of this many equal pairs

# A sample that jumps away from both neighbours ten times as far as any two neighbours between 50
# and 200 ms from it differ. In 1,003 records of 252 earthquakes the sharpest onset reaches 7.6, in
# 80 minutes of 13 stations, outside of those that clip, 5.5.
SPIKE_RATIO = 10.0
SPIKE_LEAST_COUNTS = 20.0
_CELL = 5  # samples; an even and an odd cell beside the spike's own may share its flanks

# Levels of whole seconds before and after differ by three times all that they differ among
# themselves, and by three times the loudest second's standard deviation. Natural windows of the
# archive reach 1.7 of the one with 1.9 of the other.
STEP_RATIO = 3.0
STEP_SIDE = 3


@dataclass(frozen=True, slots=True)
class Levels:
    """Seconds of a window.

    Attributes:
        mean: shape ``(c, s)``, counts.
        deviation: shape ``(c, s)``, standard deviation about each second's own mean, counts.
    """

    mean: Float64Array
    deviation: Float64Array


def levels_of(window: Float32Array) -> Levels:
    """Means and standard deviations of whole seconds.

    Args:
        window: shape ``(c, n)``, finite; a last part of less than a second is left out.
    """
    seconds = window.shape[1] // RATE_HZ
    blocks = window[:, : seconds * RATE_HZ].astype(np.float64)
    blocks = blocks.reshape(len(window), seconds, RATE_HZ)
    mean = blocks.mean(axis=2)
    blocks -= mean[:, :, None]
    return Levels(mean, np.sqrt(np.einsum("ijk,ijk->ij", blocks, blocks) / RATE_HZ))


def flat_s(window: Float32Array) -> float:
    """The longest time for which a component repeats one value; 0 where that is less than 1 s.

    Args:
        window: shape ``(c, n)``, NaN where a sample is missing (which ends a repetition).
    """
    same = window[:, 1:] == window[:, :-1]
    blocks = same.shape[1] // _FLAT_BLOCK
    whole = same[:, : blocks * _FLAT_BLOCK].reshape(len(window), blocks, _FLAT_BLOCK)
    if not whole.all(axis=2).any():
        return 0.0
    longest = 0
    for row in same:
        edges = np.flatnonzero(np.diff(row, prepend=False, append=False))
        longest = max(longest, int((edges[1::2] - edges[::2] + 1).max(initial=0)))
    return longest / RATE_HZ if longest >= FLAT_RUN else 0.0


def count_spikes(window: Float32Array) -> int:
    """Single samples that stick out of all that is near, all components together.

    The first and the last 0.15 s cannot be told; the windows before and after can. A spike that
    was resampled from another rate is blurred and not always found.

    Args:
        window: shape ``(c, n)``, counts, finite.
    """
    steps = window[:, 1:] - window[:, :-1]
    sizes = np.abs(steps)
    highest = _cell_maxima(sizes)
    count = highest.shape[1]
    if count < 7:
        return 0
    around = np.maximum(highest[:, : count - 6], highest[:, 1 : count - 5])
    np.maximum(around, highest[:, 5 : count - 1], out=around)
    np.maximum(around, highest[:, 6:count], out=around)
    np.maximum(around, np.float32(SPIKE_LEAST_COUNTS / SPIKE_RATIO), out=around)
    share = np.float32(1 / SPIKE_RATIO)
    if not (highest[:, 3 : count - 3] * share > around).any():
        return 0  # nearly always, and at half the cost
    turns = np.signbit(steps[:, :-1]) != np.signbit(steps[:, 1:])
    peaks = _cell_maxima(np.minimum(sizes[:, :-1], sizes[:, 1:]) * turns)
    return int(np.count_nonzero(peaks[:, 3 : count - 3] * share > around))


def _cell_maxima(values: Float32Array) -> Float32Array:
    """Largest value of each cell. By strides: a reduction over so short an axis takes ten times."""
    end = values.shape[1] // _CELL * _CELL
    highest = np.maximum(values[:, 0:end:_CELL], values[:, 1:end:_CELL])
    for offset in range(2, _CELL):
        np.maximum(highest, values[:, offset:end:_CELL], out=highest)
    return highest


def has_step(levels: Levels) -> bool:
    """Whether a component's level jumps and stays, with at least three whole seconds either side.

    Args:
        levels: of the window's seconds.
    """
    first, last = STEP_SIDE, levels.mean.shape[1] - STEP_SIDE
    if last <= first:
        return False
    # The step's own second apart, one other at least is as loud as the second loudest.
    louder = np.partition(levels.deviation, -2, axis=1)[:, -2]
    if not (np.ptp(levels.mean, axis=1) > np.maximum(STEP_RATIO * louder, 1.0)).any():
        return False  # nearly always
    # Extremes of all seconds up to one, and from one on; the step's own second belongs to neither.
    before, after = slice(first - 1, last - 1), slice(first + 1, last + 1)
    both = np.concatenate((levels.mean, -levels.mean, levels.deviation))
    left = np.maximum.accumulate(both, axis=1)[:, before]
    right = np.maximum.accumulate(both[:, ::-1], axis=1)[:, ::-1][:, after]
    count = len(levels.mean)
    high_l, deep_l, loud_l = left[:count], left[count : 2 * count], left[2 * count :]
    high_r, deep_r, loud_r = right[:count], right[count : 2 * count], right[2 * count :]
    jump = np.maximum(-deep_r - high_l, -deep_l - high_r)
    spread = np.maximum(high_l + deep_l, high_r + deep_r)
    limit = STEP_RATIO * np.maximum(spread, np.maximum(loud_l, loud_r))
    # One count: the levels of a constant channel differ by nothing at all.
    return bool((jump > np.maximum(limit, 1.0)).any())

"""How much a sensor's power rises at each moment: what a stack over stations is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.signal import butter, sosfilt

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.sta_lta import Float64Array
from umamba_rt.core.timebase import RATE_HZ

# Samples of a moment, and moments a second.
BIN = 10
BINS_PER_S = RATE_HZ // BIN
# The power of the next 0.6 s over that of the 1.5 s before; a little is left out between the two,
# since an onset's rise takes some time.
AHEAD, _BEHIND = 60, 150
_BETWEEN_P, _BETWEEN_S = 10, 20
# A factor of ten: a single station says no more, however loud it is.
MOST = 1.0
_CORNERS = 4
_SETTLE = 200
_LEAST = 1e-30


@dataclass(frozen=True, slots=True)
class RiseBands:
    """Where an onset is looked for.

    Attributes:
        low_hz, high_hz: of P, on the vertical; of S, on the horizontals, half of them.
    """

    low_hz: float
    high_hz: float


@dataclass(frozen=True, slots=True)
class Rises:
    """Of one sensor, moment by moment of a tenth of a second.

    Attributes:
        first: grid index of the first moment, divided by 10.
        p: logarithm (to 10) of the rise of the vertical's power, 0 to 1.
        s: of the horizontals'.
    """

    first: int
    p: tuple[float, ...]
    s: tuple[float, ...]


def rises_of(samples: Float32Array, first: int, hop: int, bands: RiseBands) -> Rises | None:
    """The rises in the newest hop of a window, which the window before could not tell.

    They follow from the window alone: a sensor has no state that a restart could lose.

    Args:
        samples: shape ``(3, n)``, order Z N E, without NaN.
        first: grid index of the first one.
        hop: samples from one window to the next.
        bands: of the filters.

    Returns:
        None where the window is too short for any, or holds infinity.
    """
    stop = first + samples.shape[1]
    end = (stop - AHEAD + 1) // BIN
    begin = (stop - hop - AHEAD + 1) // BIN
    held = _BEHIND + _BETWEEN_S + _SETTLE
    begin = max(begin, -((-first - held) // BIN))
    start = begin * BIN - held
    if begin >= end or not np.isfinite(samples[:, start - first :]).all():
        return None
    piece = samples[:, start - first :].astype(np.float64)
    piece -= piece[:, :1]
    low_hz, high_hz = bands.low_hz, bands.high_hz
    vertical = sosfilt(_sections(low_hz, high_hz), piece[0]) ** 2
    horizontals = (sosfilt(_sections(low_hz / 2, high_hz / 2), piece[1:]) ** 2).sum(axis=0)
    count = (end - begin) * BIN
    return Rises(
        begin,
        _largest(_rise(vertical, held, count, _BETWEEN_P)),
        _largest(_rise(horizontals, held, count, _BETWEEN_S)),
    )


def _rise(power: Float64Array, offset: int, count: int, between: int) -> Float64Array:
    """At ``count`` samples from ``offset`` on: log of power behind over power before, 0 to 1."""
    sums = np.concatenate([[0.0], np.cumsum(power)])
    at = np.arange(offset, offset + count)
    ahead = (sums[at + AHEAD] - sums[at]) / AHEAD
    before = (sums[at - between] - sums[at - between - _BEHIND]) / _BEHIND
    rise = np.log10(np.maximum(ahead, _LEAST) / np.maximum(before, _LEAST))
    return np.asarray(np.clip(rise, 0.0, MOST))


def _largest(values: Float64Array) -> tuple[float, ...]:
    return tuple(values.reshape(-1, BIN).max(axis=1).tolist())


@lru_cache
def _sections(low_hz: float, high_hz: float) -> Float64Array:
    return np.asarray(butter(_CORNERS, (low_hz, high_hz), "bandpass", output="sos", fs=RATE_HZ))

"""How much a sensor's power rises at each moment: what a stack over stations is made of."""

from __future__ import annotations

from dataclasses import dataclass

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.timebase import RATE_HZ

# Samples of a moment, and moments a second.
BIN = 10
BINS_PER_S = RATE_HZ // BIN
# The power of the next 0.6 s over that of the 1.5 s before; a little is left out between the two,
# since an onset's rise takes some time.
AHEAD, BEHIND = 60, 150
BETWEEN_P, BETWEEN_S = 10, 20
# A factor of ten: a single station says no more, however loud it is.
MOST = 1.0
_SETTLE = 200
# Samples before a moment that its rise follows from.
HELD = BEHIND + BETWEEN_S + _SETTLE


@dataclass(frozen=True, slots=True)
class RiseBands:
    """Where an onset is looked for.

    Attributes:
        low_hz, high_hz: of P, on the vertical; of S, on the horizontals, half of them.
    """

    low_hz: float
    high_hz: float


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """A window's newest samples, as far as the rises in its newest hop follow from them.

    Attributes:
        begin: grid index of the first moment that is told, divided by 10.
        samples: shape ``(3, n)``, order Z N E, without NaN; the first one is what the filter and
            the power before need ahead of that moment.
        bands: of the filters.
    """

    begin: int
    samples: Float32Array
    bands: RiseBands


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


def tail_of(samples: Float32Array, first: int, hop: int, bands: RiseBands) -> Tail | None:
    """What the rises in the newest hop of a window, which the window before could not tell, need.

    They follow from the window alone: a sensor has no state that a restart could lose.

    Args:
        samples: shape ``(3, n)``, order Z N E, without NaN.
        first: grid index of the first one.
        hop: samples from one window to the next.
        bands: of the filters.

    Returns:
        A copy of 6 kB at a hop of 1 s, which does not keep the window's 36 kB; None where the
        window is too short for any.
    """
    stop = first + samples.shape[1]
    end = (stop - AHEAD + 1) // BIN
    begin = max((stop - hop - AHEAD + 1) // BIN, -((-first - HELD) // BIN))
    if begin >= end:
        return None
    return Tail(begin, samples[:, begin * BIN - HELD - first :].copy(), bands)

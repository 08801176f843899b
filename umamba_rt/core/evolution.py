"""V1's curve over a window as it is sent: decimated, and the time at which it settled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.timebase import RATE_HZ

# V1 gives a value for each sample; the first of ten shows the same curve in a tenth of the bytes:
# the net makes it of one value in two samples, by interpolation.
STEP = 10
# What counts as the same magnitude: catalogues give a tenth, and agree to two.
TOLERANCE = 0.2


def decimated(curve: NDArray[np.float32]) -> list[float]:
    """Every tenth value, the first one first: 10 a second, to four digits.

    Args:
        curve: a value for each sample of the window, shape ``(n,)``, magnitude units.
    """
    return [round(float(value), 4) for value in curve[::STEP]]


def settled_s(curve: NDArray[np.float32]) -> float:
    """The time in the window from which on the curve keeps within 0.2 of its last value, s.

    Args:
        curve: as above, n > 0.
    """
    away = np.flatnonzero(~(np.abs(curve - curve[-1]) <= TOLERANCE))
    return float((away[-1] + 1) / RATE_HZ) if len(away) else 0.0

"""One magnitude from V1's curve over a window; numpy only, in one place for engine and training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.estimate import Float32Array
from umamba_rt.models.config import Readout

# Of the curve's end: one second of 30.
_END_SHARE = 30


def magnitude_of(curve: NDArray[np.floating], readout: Readout) -> Float32Array:
    """Read a magnitude off each curve.

    Args:
        curve: shape ``(B, N)``, magnitude units.
        readout: ``mean`` over the window, or over its ``end``, the last thirtieth.

    Returns:
        Shape ``(B,)``. Summed in float64, so that the mean of 3001 numbers does not depend on the
        order of summing.
    """
    length = curve.shape[1]
    first = length - max(1, length // _END_SHARE) if readout == "end" else 0
    magnitude: NDArray[np.float64] = curve[:, first:].mean(axis=1, dtype=np.float64)
    return magnitude.astype(np.float32)

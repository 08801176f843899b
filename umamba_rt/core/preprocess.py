"""The one normalisation of a window: live, in replay, in training and in evaluation."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.estimate import Float32Array

Norm: TypeAlias = Literal["std", "peak", "none"]
EPSILON = 1e-10


def normalise(windows: NDArray[np.floating], norm: Norm) -> Float32Array:
    """Bring windows to the scale that a model was trained on, each component by itself.

    Args:
        windows: shape ``(..., 3, n)``, order Z N E, any unit, n >= 2, finite.
        norm: ``std``: subtract the mean over time, divide by the standard deviation with n - 1,
            plus 1e-10. ``peak``: subtract the mean, divide by the largest absolute value, plus
            1e-10. ``none``: as it is.

    Returns:
        Same shape, float32. A constant component becomes zeros under ``std`` and ``peak``.

    Raises:
        ValueError: another ``norm``.

    Source: the specification of UMamba V1 and V2; SeisBench's WaveformModel normalises alike.
    """
    # float64: a count offset of 1e7 under a signal of 10 counts must not cost digits.
    values = windows.astype(np.float64)
    if norm == "none":
        return values.astype(np.float32)
    values -= values.mean(axis=-1, keepdims=True)
    if norm == "std":
        scale = values.std(axis=-1, ddof=1, keepdims=True)
    elif norm == "peak":
        scale = np.abs(values).max(axis=-1, keepdims=True)
    else:
        raise ValueError(f"norm {norm!r} is none of std, peak, none")
    values /= scale + EPSILON
    return values.astype(np.float32)

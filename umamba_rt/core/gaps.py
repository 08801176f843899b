"""What is missing of a window, and what is put in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from umamba_rt.core.estimate import Float32Array

Fill: TypeAlias = Literal["none", "linear", "zero"]


@dataclass(frozen=True, slots=True)
class Gaps:
    """Missing samples of a window: the most in one component, and the number of gaps."""

    worst: int
    count: int


def find_gaps(window: Float32Array) -> Gaps:
    """Count what is missing.

    Args:
        window: shape ``(c, n)``; NaN where a sample is missing.
    """
    missing = np.isnan(window)
    if not missing.any():
        return Gaps(worst=0, count=0)
    starts = np.count_nonzero(missing[:, 1:] & ~missing[:, :-1]) + np.count_nonzero(missing[:, 0])
    return Gaps(worst=int(missing.sum(axis=1).max()), count=int(starts))


def fill_linear(window: Float32Array) -> Float32Array:
    """Interpolate over missing samples; at the ends the nearest sample goes on.

    Args:
        window: shape ``(c, n)``; NaN where a sample is missing; each component has one at least.

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
        beside = ~missing  # only the samples beside the gaps, and the ends
        beside[1:-1] &= missing[2:] | missing[:-2]
        known = np.flatnonzero(beside)
        if len(known) == 0:
            raise ValueError("a component has no sample to interpolate from")
        row[missing] = np.interp(np.flatnonzero(missing), known, row[known])
    return filled


def fill_mean(window: Float32Array) -> Float32Array:
    """Put a component's own mean where a sample is missing: zero to a model, which subtracts it.

    Args:
        window: shape ``(c, n)``; NaN where a sample is missing; each component has one at least.

    Returns:
        A new array of the same shape without NaN.
    """
    means = np.nanmean(window, axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
    return np.where(np.isnan(window), means, window)

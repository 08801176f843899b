"""Samples of any type as the ring keeps them."""

from __future__ import annotations

import numpy as np

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.segment import SampleArray

_LARGEST = float(np.finfo(np.float32).max)


def as_numbers(samples: SampleArray) -> Float32Array:
    """As float32; what is not a finite number becomes NaN, the ring's mark of a missing sample.

    24-bit counts are exact in float32.
    """
    if samples.dtype.kind != "f" or _is_within(samples):
        return samples.astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        values = samples.astype(np.float32)
    values[~np.isfinite(values)] = np.nan
    return values


def _is_within(samples: SampleArray) -> bool:
    """Whether each is a number of float32's range: nearly always, and seen in a third of the time.

    A NaN makes its comparison false.
    """
    if not len(samples):
        return True
    largest, smallest = np.maximum.reduce(samples), np.minimum.reduce(samples)
    return bool(largest <= _LARGEST and smallest >= -_LARGEST)

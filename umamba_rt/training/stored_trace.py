"""A stored trace brought to the grid's rate and to the order Z N E."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.resample import Resampler
from umamba_rt.core.station import SCHEMES
from umamba_rt.core.timebase import RATE_HZ
from umamba_rt.errors import DatasetError
from umamba_rt.training.metadata import RecordHeader

# SeisBench takes 1e-4 for equality of rates, too: 1 sample in 9,000 is 0.9 sample of a record.
_RATE_TOLERANCE = 1e-4
_MAX_DENOMINATOR = 1000
# Windows are cut in counts of 1e-9: no ground motion and no digitiser comes near this.
_LARGEST = 1e20
# Horizontals of unknown azimuth stand for north and east, as they do in the daemon.
_SCHEMES = (*(scheme for scheme in SCHEMES if scheme.startswith("Z")), "ZRT")


def slices_of(place: str) -> tuple[slice | int, ...]:
    """What stands behind ``$`` in a trace's name, as numpy would read it; all where nothing."""
    parts: list[slice | int] = []
    for text in place.replace(" ", "").split(",") if place else ():
        numbers = [int(number) if number else None for number in text.split(":")]
        first = numbers[0]
        parts.append(first if len(numbers) == 1 and first is not None else slice(*numbers))
    return tuple(parts)


def in_zne(array: NDArray[np.float64], header: RecordHeader, path: str) -> NDArray[np.float64]:
    """The three components of a stored array, holes interpolated over, missing ones zeros.

    Of an order that holds more, as of four channels with a pressure sensor, those of the scheme of
    ``_SCHEMES`` that most are of.

    Args:
        array: shape ``(components, n)``, in the header's component order.
        header: of the record.
        path: of the file, for errors.

    Raises:
        DatasetError: the array has more or fewer components than its order names.
    """
    order = header.component_order.upper()
    if len(order) != array.shape[0]:
        reason = (
            f"trace {header.trace_name!r} has {array.shape[0]} component(s), its order is {order!r}"
        )
        raise DatasetError(path, reason)
    out = np.zeros((3, array.shape[1]))
    scheme = max(_SCHEMES, key=lambda codes: len(set(codes) & set(order)))  # of equals the first
    for row, name in zip(out, scheme, strict=True):
        if name in order:
            row[:] = _without_holes(array[order.index(name)])
    return out


def _without_holes(trace: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is no number that a float32 has room for, interpolated over; zeros where nothing is."""
    present = np.flatnonzero(np.abs(trace) < _LARGEST)  # False for NaN
    if len(present) == len(trace) or len(present) == 0:
        return trace if len(present) else np.zeros_like(trace)
    return np.interp(np.arange(len(trace)), present, trace[present])


def at_grid_rate(
    header: RecordHeader, stored: NDArray[np.float64]
) -> tuple[Float32Array, float, float]:
    """Samples at 100 Hz, by the same filter as live data, and the onsets in them."""
    ratio = RATE_HZ / header.rate_hz
    if abs(ratio - 1) <= _RATE_TOLERANCE:
        return stored.astype(np.float32), header.p_sample, header.s_sample
    rate_hz = Fraction(header.rate_hz).limit_denominator(_MAX_DENOMINATOR)
    rows = []
    for row in stored:
        resampler = Resampler(rate_hz, 0)
        before = -resampler.next_index  # grid instants that lie before the first sample
        rows.append(np.concatenate((resampler.push(row), resampler.finish()))[before:])
    return np.stack(rows), header.p_sample * ratio, header.s_sample * ratio

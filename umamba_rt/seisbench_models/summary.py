"""From a sensor's window magnitudes to one number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from obspy import Trace, UTCDateTime

from umamba_rt.core.calibration import Calibration, Unit
from umamba_rt.core.inventory import Inventory
from umamba_rt.core.timebase import SAMPLE_NS, nearest_index
from umamba_rt.seisbench_models.sensors import Sensor

Aggregate: TypeAlias = Literal["max", "median", "last"]
AGGREGATES: tuple[Aggregate, ...] = get_args(Aggregate)


@dataclass(frozen=True, slots=True)
class SensorMagnitude:
    """What the windows of one sensor say together.

    Attributes:
        sensor: ``NET.STA.LOC.BS``, with nothing for an empty location.
        magnitude: by the aggregation that was asked for, magnitude units.
        window_end: of the window that says so; of the last one for a median.
        n_windows: how many windows had a number.
        unit: of ground motion; ``counts``: the model had no physical amplitude.
    """

    sensor: str
    magnitude: float
    window_end: UTCDateTime
    n_windows: int
    unit: Unit


@dataclass(frozen=True, slots=True)
class Series:
    """Magnitudes of windows in the order of their ends.

    Attributes:
        magnitude: shape ``(n,)``; NaN where the model gave no number.
        end_ns: shape ``(n,)``, ns since 1970 UTC.
    """

    magnitude: NDArray[np.float64]
    end_ns: NDArray[np.int64]


def series_of(annotation: Trace, hop: int) -> Series:
    """The window magnitudes of an annotation that has one sample for each window.

    Args:
        annotation: its samples stand at the windows' ends.
        hop: samples at 100 Hz between two windows.
    """
    first = nearest_index(annotation.stats.starttime.ns)
    ends = first + np.arange(len(annotation.data), dtype=np.int64) * hop
    return Series(np.asarray(annotation.data, np.float64), ends * SAMPLE_NS)


def join(series: Sequence[Series]) -> Series:
    """The windows of all parts of a stream."""
    return Series(
        np.concatenate([one.magnitude for one in series]),
        np.concatenate([one.end_ns for one in series]),
    )


def summarise(
    sensor: Sensor, known: Inventory | Calibration, series: Series, how: object
) -> SensorMagnitude | None:
    """One number for a sensor; None where no window has one.

    Args:
        sensor: the sensor.
        known: what is known of it.
        series: of all its windows.
        how: ``max``: the largest; ``median``; ``last``: that of the window which ends last.

    Raises:
        ValueError: another ``how``.
    """
    if how not in AGGREGATES:
        raise ValueError(f"aggregate: found {how!r}, expected one of {', '.join(AGGREGATES)}")
    there = np.flatnonzero(np.isfinite(series.magnitude))
    if not len(there):
        return None
    values, ends = series.magnitude[there], series.end_ns[there]
    place = int(values.argmax()) if how == "max" else int(ends.argmax())
    magnitude = float(np.median(values) if how == "median" else values[place])
    end_ns = int(ends[place])
    unit = sensor.frame(known, end_ns).calibration.unit
    return SensorMagnitude(sensor.name, magnitude, UTCDateTime(ns=end_ns), len(values), unit)

"""One number for an earthquake: the median over its stations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from umamba_rt.training.evaluate import EvaluatedWindow

MIN_STATIONS = 4


@dataclass(frozen=True, slots=True)
class EventEstimate:
    """One earthquake's median over stations that do not clip.

    Attributes:
        seconds_after_p: at each station.
        estimate: median of the stations' estimates; a station's is the median of its sensors'.
        spread: half of the range between the quartiles of the stations' estimates.
    """

    source_id: str
    seconds_after_p: float
    magnitude: float
    n_stations: int
    estimate: float
    spread: float


@dataclass(frozen=True, slots=True)
class EventErrors:
    """Errors of earthquakes' station medians."""

    seconds_after_p: float
    n: int
    mae: float
    rmse: float
    bias: float


def station_medians(windows: Sequence[EvaluatedWindow]) -> list[EventEstimate]:
    """Station medians of the earthquakes that enough stations saw, largest first."""
    found: dict[str, dict[str, list[EvaluatedWindow]]] = {}
    for window in windows:
        if not window.clipped and math.isfinite(window.predicted):
            station = f"{window.network}.{window.station}"
            found.setdefault(window.source_id, {}).setdefault(station, []).append(window)
    estimates = []
    for source_id, stations in found.items():
        if len(stations) < MIN_STATIONS:
            continue
        values = [median(sensor.predicted for sensor in sensors) for sensors in stations.values()]
        low, high = np.percentile(values, (25, 75))
        first = next(iter(stations.values()))[0]
        estimates.append(
            EventEstimate(
                source_id=source_id,
                seconds_after_p=first.seconds_after_p,
                magnitude=first.magnitude,
                n_stations=len(stations),
                estimate=median(values),
                spread=float(high - low) / 2,
            )
        )
    return sorted(estimates, key=lambda event: -event.magnitude)


def errors_of_medians(events: Sequence[EventEstimate]) -> tuple[EventErrors, ...]:
    """Errors at each time after P."""
    by_time: dict[float, list[float]] = {}
    for event in events:
        by_time.setdefault(event.seconds_after_p, []).append(event.estimate - event.magnitude)
    return tuple(
        EventErrors(
            seconds_after_p=second,
            n=len(errors),
            mae=float(np.abs(errors).mean()),
            rmse=float(np.sqrt(np.square(errors).mean())),
            bias=float(np.mean(errors)),
        )
        for second, errors in by_time.items()
    )

"""What an evaluation says in all: the headline, the curve over time, the groups, the events."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from umamba_rt.training.evaluate import EvaluatedWindow, Evaluation, NoiseWindow
from umamba_rt.training.groups import GROUPINGS, grouped
from umamba_rt.training.metrics import Calibrated, Errors, calibration_of, errors_of
from umamba_rt.training.station_median import (
    EventErrors,
    EventEstimate,
    errors_of_medians,
    station_medians,
)

ESTIMATORS = ("predicted", "constant", "ridge", "wood_anderson")
BASELINES = ESTIMATORS[1:]
EVENT_SECONDS = (10.0, 20.0)
# A reading in noise is an alarm from here on.
NOISE_MAGNITUDE = 2.0
# A vertical whose loudest second does not stand this far above its quiet one shows no earthquake:
# of the train and dev windows 95.7, 98.6 and 99.1 % pass 1, 5 and 25 s after P.
GATE_SNR_DB = 10.0


@dataclass(frozen=True, slots=True)
class Point:
    """Errors at one time after P.

    Attributes:
        seconds_after_p: that windows were to end at.
        n_early: windows that end sooner, since their records do.
        n_mirrored: windows whose front repeats the record's noise.
        n_excluded: records that gave no window.
        passing_gate: share of windows that pass the quality gate.
        model, constant, ridge, wood_anderson: errors of each.
        calibration: how honest the model's uncertainty is; None where it states none.
    """

    seconds_after_p: float
    n_early: int
    n_mirrored: int
    n_excluded: int
    passing_gate: float
    model: Errors
    constant: Errors
    ridge: Errors
    wood_anderson: Errors
    calibration: Calibrated | None


@dataclass(frozen=True, slots=True)
class Skill:
    """By how much the model beats a baseline, on the windows where both give a number.

    Attributes:
        of_mae: one less the ratio of the mean absolute errors, each window weighing one.
        of_event_mae: the same, each earthquake weighing one.
    """

    baseline: str
    seconds_after_p: float
    n: int
    of_mae: float
    of_event_mae: float


@dataclass(frozen=True, slots=True)
class Group:
    """Errors of the model over one group of windows that end at the same time after P."""

    by: str
    name: str
    seconds_after_p: float
    errors: Errors


@dataclass(frozen=True, slots=True)
class Noise:
    """What the model reads where there is no earthquake.

    Attributes:
        n: windows.
        share_above: of them, that read above 2.0.
        n_passing_gate: windows that pass the quality gate.
        share_above_passing_gate: of all, that pass the gate and read above 2.0.
        median, highest: reading.
    """

    n: int
    share_above: float
    n_passing_gate: int
    share_above_passing_gate: float
    median: float
    highest: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything a report tells; the first four are the headline's.

    Attributes:
        mae, rmse, r2, n: of the model's windows at ``seconds_after_p``.
        n_records: earthquakes' records that were read.
        not_finite: windows at that time for which the model gave no finite number.
        curve: one point for each time after P.
        skill: against each baseline at each time.
        groups: of the headline's windows.
        magnitude_curve: groups by magnitude at each time after P.
        events: earthquakes with 4 stations or more.
        event_errors: over those.
        noise: None without windows of noise.
        calibration: of the headline's windows.
        gate_snr_db: what the quality gate asks for.
    """

    mae: float
    rmse: float
    r2: float
    n: int
    seconds_after_p: float
    n_records: int
    not_finite: int
    headline: Errors
    calibration: Calibrated | None
    curve: tuple[Point, ...]
    skill: tuple[Skill, ...]
    groups: tuple[Group, ...]
    magnitude_curve: tuple[Group, ...]
    event_errors: tuple[EventErrors, ...]
    events: tuple[EventEstimate, ...]
    noise: Noise | None
    gate_snr_db: float


def summarise(evaluation: Evaluation, seconds_after_p: float) -> Summary:
    """Sum an evaluation up.

    Args:
        evaluation: holds windows at ``seconds_after_p``.
        seconds_after_p: of the headline.
    """
    by_time: dict[float, list[EvaluatedWindow]] = {}
    for window in evaluation.windows:
        by_time.setdefault(window.seconds_after_p, []).append(window)
    here = by_time.get(seconds_after_p, [])
    headline = _errors(here, "predicted")
    events = [
        event
        for second in sorted({*EVENT_SECONDS, seconds_after_p})
        for event in station_medians(by_time.get(second, []))
    ]
    return Summary(
        mae=headline.mae,
        rmse=headline.rmse,
        r2=headline.r2,
        n=headline.n,
        seconds_after_p=seconds_after_p,
        n_records=evaluation.n_records,
        not_finite=sum(not math.isfinite(window.predicted) for window in here),
        headline=headline,
        calibration=_calibration(here),
        curve=tuple(_point(by_time[second], evaluation, second) for second in sorted(by_time)),
        skill=tuple(
            _skill(by_time[second], name, second)
            for name in BASELINES
            for second in sorted(by_time)
        ),
        groups=tuple(group for by in GROUPINGS for group in _groups(here, by, seconds_after_p)),
        magnitude_curve=tuple(
            group
            for second in sorted(by_time)
            for group in _groups(by_time[second], "magnitude", second)
        ),
        event_errors=errors_of_medians(events),
        events=tuple(events),
        noise=_noise(evaluation.noise),
        gate_snr_db=GATE_SNR_DB,
    )


def passes_gate(window: EvaluatedWindow | NoiseWindow) -> bool:
    """Whether a window's own signal to noise ratio lets its reading count."""
    return window.window_snr_db >= GATE_SNR_DB  # False for NaN


def _column(windows: Sequence[EvaluatedWindow], name: str) -> np.ndarray:
    return np.array([getattr(window, name) for window in windows], dtype=np.float64)


def _errors(windows: Sequence[EvaluatedWindow], estimator: str) -> Errors:
    events = [window.source_id for window in windows]
    return errors_of(_column(windows, "magnitude"), _column(windows, estimator), events)


def _calibration(windows: Sequence[EvaluatedWindow]) -> Calibrated | None:
    error = _column(windows, "predicted") - _column(windows, "magnitude")
    return calibration_of(error, _column(windows, "uncertainty"))


def _point(windows: Sequence[EvaluatedWindow], evaluation: Evaluation, second: float) -> Point:
    model, constant, ridge, wood_anderson = (_errors(windows, name) for name in ESTIMATORS)
    # A sample is 10 ms; onsets between samples shift the end by up to half of one.
    early = sum(window.ends_after_p_s < second - 0.01 for window in windows)
    return Point(
        seconds_after_p=second,
        n_early=early,
        n_mirrored=sum(window.mirrored_s > 0 for window in windows),
        n_excluded=evaluation.excluded.get(second, 0),
        passing_gate=sum(map(passes_gate, windows)) / len(windows),
        model=model,
        constant=constant,
        ridge=ridge,
        wood_anderson=wood_anderson,
        calibration=_calibration(windows),
    )


def _groups(windows: Sequence[EvaluatedWindow], by: str, second: float) -> Iterator[Group]:
    for name, members in grouped(windows, by).items():
        yield Group(by, name, second, _errors(members, "predicted"))


def _skill(windows: Sequence[EvaluatedWindow], baseline: str, second: float) -> Skill:
    both = [
        window
        for window in windows
        if math.isfinite(window.predicted) and math.isfinite(getattr(window, baseline))
    ]
    ours, theirs = _errors(both, "predicted"), _errors(both, baseline)
    return Skill(
        baseline=baseline,
        seconds_after_p=second,
        n=len(both),
        of_mae=_gain(ours.mae, theirs.mae),
        of_event_mae=_gain(ours.event_mae, theirs.event_mae),
    )


def _gain(ours: float, theirs: float) -> float:
    return 1 - ours / theirs if theirs > 0 else math.nan


def _noise(windows: Sequence[NoiseWindow]) -> Noise | None:
    if not windows:
        return None
    above = [window for window in windows if not window.predicted <= NOISE_MAGNITUDE]
    readings = [window.predicted for window in windows]
    return Noise(
        n=len(windows),
        share_above=len(above) / len(windows),
        n_passing_gate=sum(map(passes_gate, windows)),
        share_above_passing_gate=sum(map(passes_gate, above)) / len(windows),
        median=median(readings),
        highest=max(readings),
    )

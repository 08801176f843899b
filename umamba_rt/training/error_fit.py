"""The law of a model's errors, fitted to earthquakes that it was not trained on.

The law is `umamba_rt.core.uncertainty.ErrorModel`. Its weights maximise the likelihood of the
errors under Student's t, whose long tails keep a few mislabelled records from widening everything;
one factor then settles the scale, half-way between that which puts 68.27 % of the errors within one
sigma and that which puts 95.45 % within two: their tails are longer than a normal law's.

Windows of one earthquake err alike, and some earthquakes have thirty times as many as others. Each
weighs one over the root of their number, half-way between one earthquake, one voice and one window,
one voice. Every window is estimated twice, with its unit and without; the second ones settle the
factor for an unknown unit alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from umamba_rt.core.calibration import COUNTS
from umamba_rt.core.estimate import BatchOutput
from umamba_rt.core.uncertainty import N_TERMS, ErrorModel, error_terms
from umamba_rt.training.evaluate import SECONDS_AFTER_P
from umamba_rt.training.predict import Predict
from umamba_rt.training.record import LabelledRecord
from umamba_rt.training.windows import CutWindow, cut_noise, cut_window

Floats = NDArray[np.float64]

_FREEDOM = 8.0  # of Student's t
_PENALTY = 3.0  # on the squares of all weights but the first, against some 3,000 windows
_NORMAL = {1: 0.6827, 2: 0.9545}  # shares within one and two sigma
_FOLDS = 6


@dataclass(frozen=True, slots=True)
class Errors:
    """What a model got wrong, and what its windows showed.

    Attributes:
        terms: shape ``(n, N_TERMS)``, see ``ErrorModel``; the last tells windows whose unit the
            model was not given.
        error: shape ``(n,)``, estimate less label; noise's label is 0.
        event: shape ``(n,)``, the earthquake, or the record of noise.
    """

    terms: Floats
    error: Floats
    event: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.error)

    @property
    def without_unit(self) -> NDArray[np.bool_]:
        """Shape ``(n,)``: windows that the model took for counts of unknown sensitivity."""
        without: NDArray[np.bool_] = self.terms[:, -1] > 0
        return without

    def chosen(self, mask: NDArray[np.bool_]) -> Errors:
        """Some of the windows."""
        return Errors(self.terms[mask], self.error[mask], self.event[mask])


@dataclass(frozen=True, slots=True)
class Honesty:
    """How honest a law is where each sixth of the earthquakes is judged by the law of the others.

    Attributes:
        windows: how many.
        within_one, within_two: share of errors within one and two sigma; NaN without any.
    """

    windows: int
    within_one: float
    within_two: float


@dataclass(frozen=True, slots=True)
class ErrorFit:
    """A fitted law and how honest it is on earthquakes that it was not fitted to.

    Attributes:
        model: fitted to all.
        events: how many earthquakes and records of noise.
        with_unit, without_unit: of windows whose unit the model was given, and was not.
    """

    model: ErrorModel
    events: int
    with_unit: Honesty
    without_unit: Honesty


def errors_of(records: Iterable[LabelledRecord], predict: Predict) -> Errors:
    """Run a model over the windows of records, at all times after P, and over their noise.

    Where a record has a unit, it is run over them a second time as if it had none.
    """
    terms: list[Floats] = []
    error: list[Floats] = []
    event: list[str] = []
    for record in records:
        windows, labels = _labelled(record)
        if not windows:
            continue
        given = [windows]
        if record.unit != "counts":
            given.append([replace(window, calibration=COUNTS) for window in windows])
        for cut in given:
            predicted = predict(cut)
            output = BatchOutput(predicted.magnitude, None, predicted.spread)
            samples = np.stack([window.samples for window in cut])
            terms.append(error_terms(samples, output, [window.calibration for window in cut]))
            error.append(predicted.magnitude.astype(np.float64) - labels)
            event += [record.source_id] * len(cut)
    if not event:
        return Errors(np.zeros((0, N_TERMS)), np.zeros(0), np.array([], np.str_))
    return Errors(np.concatenate(terms), np.concatenate(error), np.array(event, np.str_))


def joined(some: Errors, others: Errors) -> Errors:
    """Those of two data sets."""
    return Errors(
        np.concatenate((some.terms, others.terms)),
        np.concatenate((some.error, others.error)),
        np.concatenate((some.event, others.event)),
    )


def fit_errors(errors: Errors) -> ErrorFit:
    """Fit the law; the same errors give the same law.

    Raises:
        ValueError: fewer than twelve earthquakes and records of noise.
    """
    events = np.unique(errors.event)
    if len(events) < 2 * _FOLDS:
        raise ValueError(f"{len(events)} earthquakes and records of noise, {2 * _FOLDS} are needed")
    fold_of = dict(zip(events, np.random.default_rng(0).permutation(len(events)), strict=True))
    fold = np.array([fold_of[event] % _FOLDS for event in errors.event])
    ratio = np.empty(len(errors))
    for number in range(_FOLDS):
        judged = errors.chosen(fold == number)
        sigma = np.exp(judged.terms @ _weights(errors.chosen(fold != number)))
        ratio[fold == number] = np.abs(judged.error) / sigma
    model = ErrorModel(tuple(_weights(errors).tolist()))
    without = errors.without_unit
    return ErrorFit(model, len(events), _honesty(ratio[~without]), _honesty(ratio[without]))


def _honesty(ratio: Floats) -> Honesty:
    within = [float(np.mean(ratio < sigmas)) if len(ratio) else math.nan for sigmas in (1, 2)]
    return Honesty(len(ratio), *within)


def _weights(errors: Errors) -> Floats:
    """The law's; the last is 0 where all windows or none have a unit."""
    without = errors.without_unit
    if without.all() or not without.any():
        return np.append(_law(errors), 0.0)
    weights = _law(errors.chosen(~without))
    others = errors.chosen(without)
    return np.append(weights, _log_scale(others, others.terms[:, :-1] @ weights))


def _law(errors: Errors) -> Floats:
    """The weights of all terms but the last."""
    squares, terms, weight = errors.error**2, errors.terms[:, :-1], _weight_of_windows(errors)

    def cost(weights: Floats) -> tuple[float, Floats]:
        log_sigma = terms @ weights
        share = squares * np.exp(-2 * log_sigma) / _FREEDOM
        value = weight @ (log_sigma + (_FREEDOM + 1) / 2 * np.log1p(share))
        slope = terms.T @ (weight * (1 - (_FREEDOM + 1) * share / (1 + share)))
        value += _PENALTY * (weights[1:] ** 2).sum()
        slope[1:] += 2 * _PENALTY * weights[1:]
        return float(value), slope

    start = np.zeros(N_TERMS - 1)
    start[0] = np.log(np.sqrt(squares.mean()) + 1e-6)
    weights = np.asarray(minimize(cost, start, jac=True, method="BFGS").x, np.float64)
    weights[0] += _log_scale(errors, terms @ weights)
    return weights


def _log_scale(errors: Errors, log_sigma: Floats) -> float:
    """The logarithm of the factor that makes a law's sigmas honest."""
    ratio = np.abs(errors.error) / np.exp(log_sigma)
    order = np.argsort(ratio)
    reached = np.cumsum(_weight_of_windows(errors)[order])
    places = {k: np.searchsorted(reached, q * reached[-1]) for k, q in _NORMAL.items()}
    return float(np.mean([np.log(ratio[order][place] / k) for k, place in places.items()]))


def _weight_of_windows(errors: Errors) -> Floats:
    """One over the root of the number of their earthquake's windows, scaled to a mean of 1."""
    _, event, count = np.unique(errors.event, return_inverse=True, return_counts=True)
    weight: Floats = 1.0 / np.sqrt(count[event])
    return weight / float(weight.mean())


def _labelled(record: LabelledRecord) -> tuple[list[CutWindow], Floats]:
    noise = cut_noise(record)
    cut = [] if record.is_noise else [cut_window(record, second) for second in SECONDS_AFTER_P]
    quakes = [window for window in cut if window is not None]
    labels = np.r_[np.full(len(quakes), record.magnitude), np.zeros(len(noise))]
    return [*quakes, *noise], labels

"""The law of a model's errors, fitted to earthquakes that it was not trained on.

The law is `umamba_rt.core.uncertainty.ErrorModel`. Its weights maximise the likelihood of the
errors under Student's t, whose long tails keep a few mislabelled records from widening everything;
one factor then settles the scale, half-way between that which puts 68.27 % of the errors within one
sigma and that which puts 95.45 % within two: their tails are longer than a normal law's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

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
        terms: shape ``(n, N_TERMS)``, see ``ErrorModel``.
        error: shape ``(n,)``, estimate less label; noise's label is 0.
        event: shape ``(n,)``, the earthquake, or the record of noise.
    """

    terms: Floats
    error: Floats
    event: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.error)

    def chosen(self, mask: NDArray[np.bool_]) -> Errors:
        """Some of the windows."""
        return Errors(self.terms[mask], self.error[mask], self.event[mask])


@dataclass(frozen=True, slots=True)
class ErrorFit:
    """A fitted law and how honest it is on earthquakes that it was not fitted to.

    Attributes:
        model: fitted to all.
        windows: how many.
        events: how many earthquakes and records of noise.
        within_one, within_two: share of errors within one and two sigma where each sixth of the
            earthquakes is judged by the law of the others.
    """

    model: ErrorModel
    windows: int
    events: int
    within_one: float
    within_two: float


def errors_of(records: Iterable[LabelledRecord], predict: Predict) -> Errors:
    """Run a model over the windows of records, at all times after P, and over their noise."""
    terms: list[Floats] = []
    error: list[Floats] = []
    event: list[str] = []
    for record in records:
        windows, labels = _labelled(record)
        if not windows:
            continue
        magnitude = predict(windows).magnitude
        samples = np.stack([window.samples for window in windows])
        terms.append(error_terms(samples, magnitude))
        error.append(magnitude.astype(np.float64) - labels)
        event += [record.source_id] * len(windows)
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
    within = [float(np.mean(ratio < sigmas)) for sigmas in (1, 2)]
    return ErrorFit(model, len(errors), len(events), *within)


def _weights(errors: Errors) -> Floats:
    squares = errors.error**2

    def cost(weights: Floats) -> tuple[float, Floats]:
        log_sigma = errors.terms @ weights
        share = squares * np.exp(-2 * log_sigma) / _FREEDOM
        value = log_sigma.sum() + (_FREEDOM + 1) / 2 * np.log1p(share).sum()
        slope = errors.terms.T @ (1 - (_FREEDOM + 1) * share / (1 + share))
        value += _PENALTY * (weights[1:] ** 2).sum()
        slope[1:] += 2 * _PENALTY * weights[1:]
        return float(value), slope

    start = np.zeros(N_TERMS)
    start[0] = np.log(np.sqrt(squares.mean()) + 1e-6)
    weights = np.asarray(minimize(cost, start, jac=True, method="BFGS").x, np.float64)
    sigma = np.exp(errors.terms @ weights)
    ratio = np.abs(errors.error) / sigma
    weights[0] += np.mean([np.log(np.quantile(ratio, q) / k) for k, q in _NORMAL.items()])
    return weights


def _labelled(record: LabelledRecord) -> tuple[list[CutWindow], Floats]:
    noise = cut_noise(record)
    cut = [] if record.is_noise else [cut_window(record, second) for second in SECONDS_AFTER_P]
    quakes = [window for window in cut if window is not None]
    labels = np.r_[np.full(len(quakes), record.magnitude), np.zeros(len(noise))]
    return [*quakes, *noise], labels

"""How far estimates lie from catalogue magnitudes, as numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]
_BOOTSTRAPS = 1000
# Equal magnitudes have this variance, not 0, after a mean that is not exact.
_ROUNDING = 1e-20


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of a set of windows; the error is the estimate less the catalogue's magnitude.

    Attributes:
        n: windows.
        n_events: earthquakes.
        mae: mean absolute error.
        rmse: root mean square error.
        r2: share of the magnitudes' variance that is explained; NaN where they have none.
        bias: mean error.
        scatter: standard deviation of the errors with n - 1; NaN for one window.
        event_mae: mean over earthquakes of each one's mean absolute error.
        event_bias: mean over earthquakes of each one's mean error.
        event_mae_low, event_mae_high: 95 % of ``event_mae`` when earthquakes are drawn anew.
    """

    n: int
    n_events: int
    mae: float
    rmse: float
    r2: float
    bias: float
    scatter: float
    event_mae: float
    event_bias: float
    event_mae_low: float
    event_mae_high: float


NO_ERRORS = Errors(0, 0, *([math.nan] * 9))


def errors_of(truth: Float64Array, estimate: Float64Array, events: Sequence[str]) -> Errors:
    """Errors of estimates, those that are NaN left out.

    Args:
        truth: shape ``(n,)``, catalogue magnitudes.
        estimate: shape ``(n,)``; NaN where there is none.
        events: the earthquake of each.
    """
    told = np.isfinite(estimate)
    if not told.any():
        return NO_ERRORS
    true, error = truth[told], (estimate - truth)[told]
    _, event = np.unique(np.asarray(events, dtype=object)[told].astype(str), return_inverse=True)
    count = np.bincount(event)
    event_abs = np.bincount(event, np.abs(error)) / count
    variance = float(((true - true.mean()) ** 2).sum())
    low, high = _spread_of_mean(event_abs)
    return Errors(
        n=len(error),
        n_events=len(count),
        mae=float(np.abs(error).mean()),
        rmse=float(np.sqrt((error**2).mean())),
        r2=1 - float((error**2).sum()) / variance if variance > _ROUNDING * len(true) else math.nan,
        bias=float(error.mean()),
        scatter=float(error.std(ddof=1)) if len(error) > 1 else math.nan,
        event_mae=float(event_abs.mean()),
        event_bias=float((np.bincount(event, error) / count).mean()),
        event_mae_low=low,
        event_mae_high=high,
    )


def _spread_of_mean(values: Float64Array) -> tuple[float, float]:
    """2.5 % and 97.5 % of the mean over draws with replacement, seeded."""
    rng = np.random.default_rng(0)
    means = rng.choice(values, (_BOOTSTRAPS, len(values))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """How honest stated uncertainties are.

    Attributes:
        n: windows that state one.
        within_1_sigma, within_2_sigma: share of errors that do not exceed it, or twice it; of
            normal errors it is 0.683 and 0.954.
        median_sigma: magnitude units.
    """

    n: int
    within_1_sigma: float
    within_2_sigma: float
    median_sigma: float


def calibration_of(error: Float64Array, sigma: Float64Array) -> Calibrated | None:
    """How honest ``sigma`` is; None where no window states one (NaN)."""
    told = np.isfinite(sigma) & np.isfinite(error)
    if not told.any():
        return None
    ratio = np.abs(error[told]) / sigma[told]
    return Calibrated(
        n=int(told.sum()),
        within_1_sigma=float((ratio <= 1).mean()),
        within_2_sigma=float((ratio <= 2).mean()),
        median_sigma=float(np.median(sigma[told])),
    )

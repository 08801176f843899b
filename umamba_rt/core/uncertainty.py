"""How far an estimate may be off: one standard deviation, from what the window shows.

A model gives a number and no doubt. How large its errors are depends on how long the earthquake
has been in the window, on how far it stands above the noise, on the size itself (large ones are
still growing when the first estimate is made), on how far the parts of the answer disagree, and on
whether the ground motion's unit is known. A log-linear law of these is fitted to the errors of
held-out earthquakes (`umamba_rt.training.error_fit`); `docs/evaluation.md` has what else was tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.calibration import Calibration
from umamba_rt.core.defects import Float64Array, levels_of
from umamba_rt.core.estimate import BatchOutput, Float32Array

N_TERMS = 8
# Laws of files that were calibrated before there were more.
_EARLIER_TERMS = 5
_GROWTH_S = 3.0  # of P alone; S and the later phases settle the estimate
_CLEAR_DB = 20.0  # from here on noise adds no error
_LARGE = 4.0  # from here on errors of the first seconds grow with the magnitude
_LEAVING_S = 2.0  # P about to leave the window: what is left looks like noise
_WIDE = 0.25  # spread, magnitude units; above it its logarithm counts: without a unit it may be 5
_TINY = 1e-12  # levels below this share of the loudest are rounding


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """Standard deviation of a model's errors: exp of a sum of ``N_TERMS`` weighted terms.

    Attributes:
        weights: of 1; of ``exp(-signal_s / 3 s)``; of how many tens of dB the loudest second lacks
            to 20 over the quiet one; of the magnitude over 4; of what it lacks to 1; of
            ``arsinh(spread / 0.25)``; of ``exp(-quiet_s / 2 s)``, the time before the signal; of an
            unknown unit. The last three may be absent.

    Raises:
        ValueError: not as many weights as terms, or one that is not finite.
    """

    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        known = len(self.weights) in (_EARLIER_TERMS, N_TERMS)
        if not known or not np.isfinite(self.weights).all():
            raise ValueError(f"found {self.weights}, expected {N_TERMS} finite weights")

    def sigma(
        self, windows: Float32Array, output: BatchOutput, calibrations: Sequence[Calibration]
    ) -> Float32Array:
        """One sigma of estimates.

        Args:
            windows: shape ``(B, 3, n)``, order Z N E, raw, finite; n >= 200.
            output: what the model says of them.
            calibrations: of each window.

        Returns:
            Shape ``(B,)``, magnitude units; > 0.
        """
        terms = error_terms(windows, output, calibrations)[:, : len(self.weights)]
        sigma: Float32Array = np.exp(terms @ np.array(self.weights)).astype(np.float32)
        return sigma


def error_terms(
    windows: Float32Array, output: BatchOutput, calibrations: Sequence[Calibration]
) -> Float64Array:
    """The terms of the law, shape ``(B, N_TERMS)``; see ``ErrorModel.sigma``.

    An engine that tells no spread leaves that term at 0.
    """
    deviation = levels_of(windows.reshape(-1, windows.shape[-1])).deviation
    deviation = deviation.reshape(len(windows), windows.shape[1], -1)
    ordered = np.sort(deviation[:, 0], axis=1)
    loudest = np.maximum(ordered[:, -1], np.finfo(np.float64).tiny)
    quiet = np.maximum(ordered[:, ordered.shape[1] // 10], _TINY * loudest)
    snr_db = 20.0 * np.log10(loudest / quiet)
    signal = signal_s(deviation)
    estimate = output.magnitude.astype(np.float64)
    spread = np.zeros(len(windows)) if output.spread is None else output.spread.astype(np.float64)
    return np.stack(
        (
            np.ones(len(windows)),
            np.exp(-signal / _GROWTH_S),
            np.clip((_CLEAR_DB - snr_db) / 10.0, 0.0, 2.0),
            np.clip(estimate - _LARGE, -2.0, 3.0),
            np.clip(1.0 - estimate, 0.0, 1.0),
            np.arcsinh(spread / _WIDE),
            np.exp((signal - deviation.shape[-1]) / _LEAVING_S),
            np.array([float(calibration.unit == "counts") for calibration in calibrations]),
        ),
        axis=1,
    )


def signal_s(deviation: Float64Array) -> Float64Array:
    """Whole seconds from where a window grows loud to its end.

    The cut that best parts the seconds' levels into quieter ones before and louder ones behind: the
    largest difference of the mean logarithms, in units of what chance would make of it. On 238
    records of 62 earthquakes it lies within a second of the P onset at the median and at both
    quartiles, from 1 to 25 s after P.

    Args:
        deviation: shape ``(B, c, s)``, standard deviation of each second and component; s >= 2.

    Returns:
        Shape ``(B,)``, from 1 to s - 1; where nothing grows louder, what fits that best.
    """
    loudest = deviation.max(axis=-1, keepdims=True)
    floor = np.maximum(_TINY * loudest, np.finfo(np.float64).tiny)
    level = np.log(np.maximum(deviation, floor)).mean(axis=1)
    count = level.shape[1]
    before = np.arange(1, count)
    summed = np.cumsum(level, axis=1)
    lead = summed[:, :-1]
    rise = (summed[:, -1:] - lead) / (count - before) - lead / before
    contrast: NDArray[np.float64] = rise * np.sqrt(before * (count - before))
    seconds: Float64Array = (count - before[np.argmax(contrast, axis=1)]).astype(np.float64)
    return seconds

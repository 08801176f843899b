"""The one preparation of a window: live, in replay, in training and in evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.amplitude import N_AMPLITUDE, amplitude_features
from umamba_rt.core.calibration import Calibration
from umamba_rt.core.estimate import Float32Array

Norm: TypeAlias = Literal["std", "peak", "none"]
EPSILON = 1e-10
# Spectra of more fall out of the cache: 0.3 ms a window in parts of 4, 0.4-1.2 in one of 32.
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class ModelInput:
    """A batch of windows as a model wants them.

    Attributes:
        samples: shape ``(B, 3, n)``, order Z N E, normalised.
        amplitude: shape ``(B, N_AMPLITUDE)``, see `umamba_rt.core.amplitude`; None for a model
            that does not ask for it.
    """

    samples: Float32Array
    amplitude: Float32Array | None = None

    def __len__(self) -> int:
        return len(self.samples)


def prepare(
    windows: NDArray[np.floating],
    calibrations: Sequence[Calibration],
    norm: Norm,
    *,
    amplitude: bool,
) -> ModelInput:
    """Make a model's input of raw windows.

    Args:
        windows: shape ``(B, 3, n)``, order Z N E, counts at 100 Hz, finite.
        calibrations: of each window.
        norm: see `normalise`.
        amplitude: whether the model wants the amplitude features.
    """
    count = len(windows)
    samples = np.empty(windows.shape, np.float32)
    features = np.empty((count, N_AMPLITUDE), np.float32) if amplitude else None
    for first in range(0, count, _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        samples[part] = normalise(windows[part], norm)
        if features is not None:
            features[part] = amplitude_features(windows[part], calibrations[part])
    return ModelInput(samples, features)


def normalise(windows: NDArray[np.floating], norm: Norm) -> Float32Array:
    """Bring windows to the scale that a model was trained on, each component by itself.

    Args:
        windows: shape ``(..., 3, n)``, order Z N E, any unit, n >= 2, finite.
        norm: ``std``: subtract the mean over time, divide by the standard deviation with n - 1,
            plus 1e-10. ``peak``: subtract the mean, divide by the largest absolute value, plus
            1e-10. ``none``: as it is.

    Returns:
        Same shape, float32. A constant component becomes zeros under ``std`` and ``peak``.

    Raises:
        ValueError: another ``norm``.

    Source: the specification of UMamba V1 and V2; SeisBench's WaveformModel normalises alike.
    """
    # float64: a count offset of 1e7 under a signal of 10 counts must not cost digits.
    values = windows.astype(np.float64)
    if norm == "none":
        return values.astype(np.float32)
    values -= values.mean(axis=-1, keepdims=True)
    if norm == "std":
        scale = values.std(axis=-1, ddof=1, keepdims=True)
    elif norm == "peak":
        scale = np.abs(values).max(axis=-1, keepdims=True)
    else:
        raise ValueError(f"norm {norm!r} is none of std, peak, none")
    values /= scale + EPSILON
    return values.astype(np.float32)

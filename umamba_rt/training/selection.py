"""The error on the dev split that training steers by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.preprocess import ModelInput, Norm, prepare
from umamba_rt.errors import ConfigError, ConfigProblem
from umamba_rt.training.record import LabelledRecord
from umamba_rt.training.windows import CutWindow, cut_noise, cut_window

SECONDS_AFTER_P = (3.0, 5.0, 10.0, 25.0)
_FALSE_ABOVE = 2.0


@dataclass(frozen=True, slots=True)
class DevError:
    """How far off the estimates of the dev split are.

    Attributes:
        score: mean over ``SECONDS_AFTER_P`` of ``by_seconds``; what is made small.
        by_seconds: for each of them, the mean absolute error, each earthquake weighing one.
        record_mae: the mean absolute error 25 s after P, each window weighing one.
        false_share: of the windows of noise, those that read above magnitude 2.
    """

    score: float
    by_seconds: tuple[float, ...]
    record_mae: float
    false_share: float


@dataclass(frozen=True, slots=True)
class _Part:
    inputs: ModelInput
    magnitude: NDArray[np.float64]
    weight: NDArray[np.float64]


class DevSet:
    """The dev split's windows, prepared once.

    Raises:
        ConfigError: there is none.
    """

    def __init__(self, records: Sequence[LabelledRecord], *, norm: Norm, amplitude: bool) -> None:
        earthquakes = [record for record in records if not record.is_noise]
        sizes = Counter(record.source_id for record in earthquakes)
        self._parts = []
        for seconds in SECONDS_AFTER_P:
            cut = [(r, w) for r in earthquakes if (w := cut_window(r, seconds)) is not None]
            if not cut:
                found = f"no window of the dev split that ends {seconds:g} s after P"
                raise ConfigError("recipe", (ConfigProblem("data.real", found, "one at least"),))
            self._parts.append(
                _Part(
                    _prepared([window for _, window in cut], norm, amplitude=amplitude),
                    np.array([record.magnitude for record, _ in cut]),
                    np.array([1.0 / sizes[record.source_id] for record, _ in cut]),
                )
            )
        noise = [window for record in records for window in cut_noise(record)]
        self._noise = _prepared(noise, norm, amplitude=amplitude) if noise else None

    def error(self, predict: Callable[[ModelInput], Float32Array]) -> DevError:
        """Measure a model.

        Args:
            predict: magnitudes, shape ``(B,)``, of B windows.
        """
        by_seconds = []
        for part in self._parts:
            off = np.abs(predict(part.inputs) - part.magnitude)
            by_seconds.append(float(np.average(off, weights=part.weight)))
        noise = None if self._noise is None else predict(self._noise)
        return DevError(
            score=float(np.mean(by_seconds)),
            by_seconds=tuple(by_seconds),
            record_mae=float(off.mean()),
            false_share=0.0 if noise is None else float((noise > _FALSE_ABOVE).mean()),
        )


def _prepared(windows: Sequence[CutWindow], norm: Norm, *, amplitude: bool) -> ModelInput:
    samples = np.stack([window.samples for window in windows])
    calibrations = [window.calibration for window in windows]
    return prepare(samples, calibrations, norm, amplitude=amplitude)

"""A checkpoint as a function from windows to magnitudes: the daemon's preparation and engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from umamba_rt.core.estimate import BatchOutput, Float32Array, ModelIdentity
from umamba_rt.engine import load_engine
from umamba_rt.engine.base import Engine, estimate
from umamba_rt.errors import CheckpointError
from umamba_rt.training.windows import WINDOW_SAMPLES, CutWindow


@dataclass(frozen=True, slots=True)
class Predicted:
    """A model's answer to windows.

    Attributes:
        magnitude: shape ``(B,)``.
        uncertainty: shape ``(B,)``, one sigma; None where the model states none.
        spread: shape ``(B,)``, see ``BatchOutput``; None where the engine does not tell.
    """

    magnitude: Float32Array
    uncertainty: Float32Array | None = None
    spread: Float32Array | None = None


Predict: TypeAlias = Callable[[Sequence[CutWindow]], Predicted]


def load_predict(checkpoint: Path, threads: int | None = None) -> tuple[Predict, ModelIdentity]:
    """Make the function of a checkpoint of either model.

    Raises:
        UnavailableError: the file cannot be read.
        CheckpointError: it is damaged, or its windows are not 3001 samples long.
    """
    from umamba_rt.models.loading import load

    engine = load_engine(checkpoint, name=load(checkpoint).config.name, threads=threads)
    if engine.in_samples != WINDOW_SAMPLES:
        reason = f"takes windows of {engine.in_samples} samples, expected {WINDOW_SAMPLES}"
        raise CheckpointError(str(checkpoint), reason)
    engine.warm_up()
    return predict_with(engine), engine.identity


def predict_with(engine: Engine) -> Predict:
    """The function of an engine."""

    def predict(windows: Sequence[CutWindow]) -> Predicted:
        if not windows:
            return Predicted(np.zeros(0, np.float32))
        output = run(engine, windows)
        return Predicted(output.magnitude, output.uncertainty, output.spread)

    return predict


def run(engine: Engine, windows: Sequence[CutWindow]) -> BatchOutput:
    """Prepare windows as the daemon does, and run them."""
    samples = np.stack([window.samples for window in windows])
    calibrations = [window.calibration for window in windows]
    return estimate(engine, samples, calibrations)

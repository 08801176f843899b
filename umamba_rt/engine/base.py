"""The one interface through which the worker runs a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import numpy as np

from umamba_rt.core.calibration import Calibration
from umamba_rt.core.estimate import BatchOutput, Float32Array, ModelIdentity
from umamba_rt.core.preprocess import ModelInput, Norm, prepare
from umamba_rt.core.uncertainty import ErrorModel
from umamba_rt.errors import ModelError

EngineName: TypeAlias = Literal["auto", "torch", "fast-cpu", "cuda"]


class Engine(Protocol):
    """A model made ready for this hardware; every backend equals ``models/`` on it."""

    @property
    def identity(self) -> ModelIdentity:
        """Which weights."""
        ...

    @property
    def errors(self) -> ErrorModel | None:
        """How far the estimates are off; None where that was not measured."""
        ...

    @property
    def norm(self) -> Norm:
        """The preprocessing that the weights want."""
        ...

    @property
    def amplitude_features(self) -> bool:
        """Whether the weights want the amplitude features, too."""
        ...

    @property
    def in_samples(self) -> int:
        """Length N of a window."""
        ...

    @property
    def rate_hz(self) -> float:
        """Sampling rate of a window, Hz."""
        ...

    @property
    def backend(self) -> str:
        """Name of the backend, for messages."""
        ...

    def run(self, batch: ModelInput) -> BatchOutput:
        """Estimate the magnitudes of preprocessed windows.

        Windows do not see each other: a window's numbers do not depend on the batch it came in
        (to about 1e-5), and one that holds NaN spoils only its own.

        Args:
            batch: samples of shape ``(B, 3, in_samples)``, order Z N E; B may be 0. Without its
                amplitude, a model that wants it takes the unit of all windows for unknown.

        Raises:
            ModelError: an array has another shape or dtype.
        """
        ...

    def warm_up(self) -> None:
        """Do now what the first run would otherwise do: compile, allocate."""
        ...


def estimate(
    engine: Engine, windows: Float32Array, calibrations: Sequence[Calibration]
) -> BatchOutput:
    """Estimates of raw windows, each with its uncertainty where the weights come with one.

    Args:
        engine: the model.
        windows: shape ``(B, 3, n)``, order Z N E, counts at 100 Hz, finite; B >= 1.
        calibrations: of each window.

    Raises:
        ModelError: the windows are not as long as the model's.
    """
    batch = prepare(windows, calibrations, engine.norm, amplitude=engine.amplitude_features)
    output = engine.run(batch)
    if engine.errors is None:
        return output
    sigma = engine.errors.sigma(windows, output, calibrations)
    return dataclasses.replace(output, uncertainty=sigma)


def about(identity: ModelIdentity, backend: str) -> ModelIdentity:
    """The identity with the backend that runs the weights."""
    return dataclasses.replace(identity, engine=backend)


def require(what: str, array: Float32Array, shape: tuple[int, ...]) -> None:
    """Check what an engine is given.

    Raises:
        ModelError: another shape or dtype.
    """
    if array.shape != shape or array.dtype != np.float32:
        raise ModelError(f"{what}: found {array.dtype} {array.shape}, expected float32 {shape}")

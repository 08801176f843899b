"""The one interface through which the worker runs a model."""

from __future__ import annotations

from typing import Protocol

from umamba_rt.core.estimate import BatchOutput, Float32Array, ModelIdentity
from umamba_rt.core.preprocess import Norm


class Engine(Protocol):
    """A model made ready for this hardware; every backend equals ``models/`` on it."""

    @property
    def identity(self) -> ModelIdentity:
        """Which weights."""
        ...

    @property
    def norm(self) -> Norm:
        """The preprocessing that the weights want."""
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

    def run(self, batch: Float32Array) -> BatchOutput:
        """Estimate the magnitudes of preprocessed windows.

        Windows do not see each other: a window's numbers do not depend on the batch it came in
        (to about 1e-5), and one that holds NaN spoils only its own.

        Args:
            batch: shape ``(B, 3, in_samples)``, order Z N E; B may be 0.

        Raises:
            ModelError: the array has another shape or dtype.
        """
        ...

    def warm_up(self) -> None:
        """Do now what the first run would otherwise do: compile, allocate."""
        ...

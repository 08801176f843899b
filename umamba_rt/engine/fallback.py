"""A fast engine with the plain one behind it: what it cannot do, torch does, and says so once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from umamba_rt.core.estimate import BatchOutput, ModelIdentity
from umamba_rt.core.preprocess import ModelInput, Norm
from umamba_rt.core.uncertainty import ErrorModel
from umamba_rt.engine.base import Engine
from umamba_rt.errors import ModelError


class FallbackEngine:
    """Runs the fast engine until it fails; satisfies `umamba_rt.engine.base.Engine`.

    Args:
        fast: the engine to run.
        make_plain: makes the one that takes over.
        tell: called once, with a sentence for the operator.
    """

    def __init__(
        self, fast: Engine, make_plain: Callable[[], Engine], tell: Callable[[str], None]
    ) -> None:
        self._engine, self._make_plain, self._tell = fast, make_plain, tell
        self._fast = fast
        self._lock = threading.Lock()

    @property
    def identity(self) -> ModelIdentity:
        """Which weights, and which engine runs them now."""
        return self._engine.identity

    @property
    def errors(self) -> ErrorModel | None:
        """How far the estimates are off."""
        return self._engine.errors

    @property
    def norm(self) -> Norm:
        """The preprocessing that the weights want."""
        return self._engine.norm

    @property
    def amplitude_features(self) -> bool:
        """Whether the weights want the amplitude features, too."""
        return self._engine.amplitude_features

    @property
    def in_samples(self) -> int:
        """Length N of a window."""
        return self._engine.in_samples

    @property
    def rate_hz(self) -> float:
        """Sampling rate of a window, Hz."""
        return self._engine.rate_hz

    @property
    def backend(self) -> str:
        """The backend that runs now."""
        return self._engine.backend

    def run(self, batch: ModelInput) -> BatchOutput:
        """Estimate the magnitudes of preprocessed windows; see `Engine.run`."""
        engine = self._engine
        try:
            return engine.run(batch)
        except ModelError:
            raise  # the batch is wrong, whoever runs it
        except Exception as error:  # a library's own; it is told, and torch tries
            if engine is not self._fast:
                raise
            self._fall_back(error)
        return self._engine.run(batch)

    def warm_up(self) -> None:
        """Do now what the first run would otherwise do: compile, allocate, or fail."""
        try:
            self._engine.warm_up()
        except Exception as error:
            if self._engine is not self._fast:
                raise
            self._fall_back(error)

    def _fall_back(self, error: Exception) -> None:
        with self._lock:
            if self._engine is not self._fast:
                return  # another thread was first
            self._tell(failure(self._fast.backend, error))
            plain = self._make_plain()
            plain.warm_up()
            self._engine = plain


def failure(backend: str, error: Exception) -> str:
    """A sentence for the operator."""
    return f"{backend} failed, torch takes over: {type(error).__name__}: {error}"

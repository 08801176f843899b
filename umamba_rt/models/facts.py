"""What a checkpoint says of itself besides its tensors; free of torch."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from umamba_rt.core.estimate import ModelIdentity, ModelName
from umamba_rt.core.preprocess import Norm
from umamba_rt.core.uncertainty import ErrorModel
from umamba_rt.models.config import ModelConfig

COMPONENT_ORDER = "ZNE"
# A pickle can hold a list that holds itself.
_DEEPEST = 20
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What must be done to a window before the model sees it.

    Attributes:
        norm: see `umamba_rt.core.preprocess`.
        rate_hz: sampling rate, Hz.
        samples: length of a window.
        components: order of the components, one letter each.
        amplitude: whether the amplitude features are wanted, too.
    """

    norm: Norm
    rate_hz: float
    samples: int
    components: str = COMPONENT_ORDER
    amplitude: bool = False

    @classmethod
    def of(cls, config: ModelConfig) -> Preprocessing:
        """Return what a model of this config wants."""
        return cls(
            config.norm,
            config.sampling_rate,
            config.in_samples,
            amplitude=config.amplitude_features,
        )


@dataclass(frozen=True, slots=True)
class CheckpointFacts:
    """Attributes of a set of weights.

    Attributes:
        name: ``v1`` or ``v2``.
        version: the weights' own version text.
        trained: False for seeded random weights.
        preprocessing: what the model wants to be fed.
        training: how it was trained, a JSON object as text; ``{}`` when unknown.
        errors: how far its estimates are off; None where that was not measured.
    """

    name: ModelName
    version: str
    trained: bool
    preprocessing: Preprocessing
    training: str = "{}"
    errors: ErrorModel | None = None

    def identity(self, sha256: str) -> ModelIdentity:
        """Name the weights that lie in a file of this SHA-256."""
        return ModelIdentity(self.name, self.version, sha256, self.trained)


def training_text(facts: Mapping[str, object]) -> str:
    """Write facts of training as a JSON object; what JSON cannot hold becomes text."""
    return json.dumps(_plain(facts), sort_keys=True, allow_nan=False)


def _plain(value: object, depth: int = 0) -> object:
    if depth > _DEEPEST:
        return "..."
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    return _plain_array(value)


def _plain_array(value: object) -> object:
    """Take the numbers out of a numpy or torch scalar, as a loss often is, or out of a few."""
    to_list, sizes = getattr(value, "tolist", None), getattr(value, "shape", None)
    if not callable(to_list) or not isinstance(sizes, tuple) or math.prod(sizes) > _LONGEST:
        return str(value)
    try:
        numbers = to_list()
    except (RuntimeError, TypeError):  # a tensor without values: its text says what it is
        return str(value)
    # A long double or a complex number stays what it is: text, too.
    return _plain(numbers) if isinstance(numbers, list | bool | int | float) else str(numbers)

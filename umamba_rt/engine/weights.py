"""A model's config and tensors as numpy arrays, read without torch where the format allows it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import safetensors
import safetensors.numpy

from umamba_rt.core.estimate import Float32Array, ModelIdentity
from umamba_rt.core.uncertainty import ErrorModel
from umamba_rt.models.checkpoint_file import described, is_pytorch, read_content
from umamba_rt.models.config import ModelConfig

if TYPE_CHECKING:
    from umamba_rt.models.state import Model


class UnsuitableError(Exception):
    """These weights cannot be run by a fast backend; torch can, or says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A model without code.

    Attributes:
        config: its constructor arguments.
        identity: which weights.
        tensors: the state dict.
        errors: how far its estimates are off; None where that was not measured.
    """

    config: ModelConfig
    identity: ModelIdentity
    tensors: Mapping[str, Float32Array]
    errors: ErrorModel | None = None


def read_weights(path: Path) -> Weights:
    """Read a file of our format.

    Raises:
        UnavailableError: the file cannot be read.
        CheckpointError: it is no checkpoint.
        UnsuitableError: it is of the earlier format, which needs torch, or its tensors are damaged.
    """
    content = read_content(path)
    if is_pytorch(content):
        raise UnsuitableError("a PyTorch file")
    config, facts = described(str(path), content)
    try:
        tensors = safetensors.numpy.load(content)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UnsuitableError(f"damaged: {error}") from error
    identity = facts.identity(hashlib.sha256(content).hexdigest())
    return Weights(config, identity, tensors, facts.errors)


def weights_of(model: Model) -> Weights:
    """The weights of a model that is loaded or seeded already.

    Raises:
        UnsuitableError: it has no identity.
    """
    if model.identity is None:
        raise UnsuitableError("a model without identity")
    tensors = {key: value.detach().cpu().numpy() for key, value in model.state_dict().items()}
    return Weights(model.config, model.identity, tensors, model.errors)


class TensorReader:
    """Hands out tensors and knows which are left; a prefix stands for a part of the model."""

    def __init__(self, tensors: Mapping[str, Float32Array], prefix: str = "") -> None:
        self._tensors = tensors
        self._prefix = prefix
        self._taken: set[str] = set()

    def part(self, name: str) -> TensorReader:
        """The tensors below ``name``; what it takes counts here, too."""
        inner = TensorReader(self._tensors, f"{self._prefix}{name}.")
        inner._taken = self._taken
        return inner

    def take(self, name: str, *shape: int) -> Float32Array:
        """A tensor of this shape, float32 and finite.

        Raises:
            UnsuitableError: it is not there, or not that.
        """
        key = self._prefix + name
        found = self._tensors.get(key)
        if found is None:
            raise UnsuitableError(f"missing key: {key}")
        if found.shape != shape or found.dtype != np.float32 or not np.isfinite(found).all():
            raise UnsuitableError(f"{key}: not finite float32 of shape {shape}")
        self._taken.add(key)
        return found

    def skip(self, name: str) -> None:
        """Leave a tensor out that inference does not need."""
        self._taken.add(self._prefix + name)

    def finish(self) -> None:
        """Check that nothing is left.

        Raises:
            UnsuitableError: the model has parts that nobody asked for.
        """
        left = sorted(set(self._tensors) - self._taken)
        if left:
            raise UnsuitableError(f"unexpected key: {left[0]}, one of {len(left)}")

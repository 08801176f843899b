"""A checkpoint file of either format, from its path to a model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from umamba_rt.core.estimate import ModelIdentity
from umamba_rt.models import checkpoint, legacy
from umamba_rt.models.checkpoint_file import is_pytorch, read_content
from umamba_rt.models.facts import CheckpointFacts
from umamba_rt.models.state import Model


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded file.

    Attributes:
        model: in eval mode, on the CPU.
        facts: what the file says of it.
        identity: which weights these are.
        format: ``safetensors`` is ours, ``pt`` that of the earlier training code.
    """

    model: Model
    facts: CheckpointFacts
    identity: ModelIdentity
    format: Literal["safetensors", "pt"]


def load_checkpoint(path: Path | str) -> Checkpoint:
    """Read a checkpoint of either format, told apart by content.

    The bytes that are hashed are those that are loaded: the file is read once.

    Raises:
        UnavailableError: the file cannot be read.
        CheckpointError: it is damaged, contradicts itself, or holds more than tensors.
    """
    where = str(path)
    content = read_content(path)
    pytorch = is_pytorch(content)
    read = legacy.from_bytes if pytorch else checkpoint.from_bytes
    model, facts = read(where, content)
    model.identity = facts.identity(hashlib.sha256(content).hexdigest())
    model.errors = facts.errors
    return Checkpoint(model, facts, model.identity, "pt" if pytorch else "safetensors")


def load(path: Path | str) -> Model:
    """Read a model in eval mode, with its ``config`` and ``identity``.

    Its forward takes preprocessed windows, shape ``(B, 3, N)``, order Z N E.

    Raises:
        UnavailableError: the file cannot be read.
        CheckpointError: it is damaged, contradicts itself, or holds more than tensors.
    """
    return load_checkpoint(path).model

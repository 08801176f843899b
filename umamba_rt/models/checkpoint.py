"""Our checkpoint format: safetensors, with everything about the model in its metadata.

The metadata has one entry, ``umamba_rt``, a JSON object: the format's name, the model's name,
version and config, whether it is trained, the preprocessing it wants, and facts of its training.
One entry, because safetensors writes several in an order that differs from run to run, and the
same weights must have the same SHA-256.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Literal

import msgspec
import safetensors
import safetensors.torch

from umamba_rt.core.estimate import ModelName
from umamba_rt.errors import CheckpointError, UnavailableError
from umamba_rt.models.config import CONFIGS
from umamba_rt.models.facts import CheckpointFacts, Preprocessing, training_text
from umamba_rt.models.state import Model, fill

_FORMAT = "umamba-rt/checkpoint/1"
_KEY = "umamba_rt"


class _Header(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The JSON object in the metadata."""

    format: Literal["umamba-rt/checkpoint/1"]
    name: ModelName
    version: str
    trained: bool
    preprocessing: Preprocessing
    config: dict[str, object]
    training: dict[str, object]


def to_bytes(model: Model, facts: CheckpointFacts) -> bytes:
    """Write a model in our format; the same model and facts always give the same bytes.

    Raises:
        ValueError: the facts do not describe this model.
    """
    if facts.name != model.config.name or facts.preprocessing != Preprocessing.of(model.config):
        raise ValueError(f"facts of {facts.name}, {facts.preprocessing} are not {model.config}'s")
    header = {
        "format": _FORMAT,
        "name": facts.name,
        "version": facts.version,
        "trained": facts.trained,
        "preprocessing": msgspec.to_builtins(facts.preprocessing),
        "config": model.config.to_dict(),
        "training": json.loads(facts.training),
    }
    tensors = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    metadata = {_KEY: json.dumps(header, sort_keys=True)}
    return safetensors.torch.save(tensors, metadata=metadata)


def save(path: Path, model: Model, facts: CheckpointFacts) -> str:
    """Write a checkpoint so that ``path`` holds the old file or the whole new one, never a part.

    Returns:
        SHA-256 of the file, hex.

    Raises:
        UnavailableError: the file cannot be written there.
        ValueError: the facts do not describe this model.
    """
    content = to_bytes(model, facts)
    # Not tempfile: its files are readable by their owner alone, and the daemon is another user.
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        # Where the folder itself is none, there is no part to remove either.
        with contextlib.suppress(OSError):
            part.unlink()
        raise UnavailableError(str(path), f"cannot write the checkpoint: {error}") from error
    return hashlib.sha256(content).hexdigest()


def from_bytes(path: str, content: bytes) -> tuple[Model, CheckpointFacts]:
    """Read a model in our format; it is in eval mode.

    Args:
        path: of the file, for messages.
        content: the whole file.

    Raises:
        CheckpointError: the bytes are damaged or contradict themselves.
    """
    header = _header(path, content)
    try:
        tensors = safetensors.torch.load(content)
    except (safetensors.SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise CheckpointError(path, f"damaged: {error}") from error
    try:
        config = CONFIGS[header.name].from_dict(header.config)
    except ValueError as error:
        raise CheckpointError(path, "unusable config", tuple(str(error).split("; "))) from error
    wanted = Preprocessing.of(config)
    if header.preprocessing != wanted:
        details = (f"preprocessing {header.preprocessing}", f"config {wanted}")
        raise CheckpointError(path, "the preprocessing contradicts the config", details)
    training = training_text(header.training)
    facts = CheckpointFacts(header.name, header.version, header.trained, wanted, training)
    return fill(path, config, tensors), facts


def _header(path: str, content: bytes) -> _Header:
    """Read our entry of the metadata: 8 bytes of length, little-endian, then JSON.

    Source: https://huggingface.co/docs/safetensors, "Format".
    """
    try:
        (length,) = struct.unpack_from("<Q", content)
        metadata = json.loads(content[8 : 8 + length])["__metadata__"]
        text = metadata[_KEY]
    except (struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = "no checkpoint: not safetensors with umamba_rt metadata, and no PyTorch file"
        raise CheckpointError(path, reason) from error
    try:
        return msgspec.json.decode(text, type=_Header)
    except (msgspec.MsgspecError, TypeError, RecursionError) as error:
        raise CheckpointError(path, f"unusable metadata: {error}") from error

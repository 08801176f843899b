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
from pathlib import Path

import msgspec
import safetensors
import safetensors.torch

from umamba_rt.errors import CheckpointError, UnavailableError
from umamba_rt.models.checkpoint_file import FORMAT, METADATA_KEY, described
from umamba_rt.models.facts import CheckpointFacts, Preprocessing
from umamba_rt.models.state import Model, fill


def to_bytes(model: Model, facts: CheckpointFacts) -> bytes:
    """Write a model in our format; the same model and facts always give the same bytes.

    Raises:
        ValueError: the facts do not describe this model.
    """
    if facts.name != model.config.name or facts.preprocessing != Preprocessing.of(model.config):
        raise ValueError(f"facts of {facts.name}, {facts.preprocessing} are not {model.config}'s")
    header = {
        "format": FORMAT,
        "name": facts.name,
        "version": facts.version,
        "trained": facts.trained,
        "preprocessing": msgspec.to_builtins(facts.preprocessing),
        "config": model.config.to_dict(),
        "training": json.loads(facts.training),
    }
    if facts.errors is not None:
        header["errors"] = facts.errors.weights
    tensors = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    metadata = {METADATA_KEY: json.dumps(header, sort_keys=True)}
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
    config, facts = described(path, content)
    try:
        tensors = safetensors.torch.load(content)
    except (safetensors.SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise CheckpointError(path, f"damaged: {error}") from error
    return fill(path, config, tensors), facts

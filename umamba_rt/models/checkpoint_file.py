"""A checkpoint file's bytes and what they say of the model; free of torch."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from umamba_rt.core.estimate import ModelName
from umamba_rt.core.uncertainty import ErrorModel
from umamba_rt.errors import CheckpointError, UnavailableError
from umamba_rt.models.config import CONFIGS, ModelConfig
from umamba_rt.models.facts import CheckpointFacts, Preprocessing, training_text

FORMAT = "umamba-rt/checkpoint/1"
METADATA_KEY = "umamba_rt"
# What torch.save has written since 1.6 (a zip) and before (a pickle, by default of protocol 2).
_PYTORCH = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
# The largest net that runs in real time has a hundredth of this.
_MAX_BYTES = 2**30


class _Header(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The JSON object in the metadata."""

    format: Literal["umamba-rt/checkpoint/1"]
    name: ModelName
    # It is printed and logged: no control characters.
    version: Annotated[str, msgspec.Meta(pattern=r"\A[^\x00-\x1f\x7f-\x9f]*\Z", max_length=200)]
    trained: bool
    preprocessing: Preprocessing
    config: dict[str, object]
    training: dict[str, object]
    errors: tuple[float, ...] | None = None


def read_content(path: Path | str) -> bytes:
    """The whole file.

    Raises:
        UnavailableError: it cannot be read.
        CheckpointError: it is larger than any checkpoint.
    """
    where = str(path)
    try:
        size = Path(path).stat().st_size
        if size > _MAX_BYTES:
            raise CheckpointError(where, f"{size} bytes, expected at most {_MAX_BYTES}")
        return Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnavailableError(where, f"cannot read the checkpoint: {reason}") from error


def is_pytorch(content: bytes) -> bool:
    """Whether the bytes are a file of ``torch.save``, the earlier format."""
    return content.startswith(_PYTORCH)


def described(path: str, content: bytes) -> tuple[ModelConfig, CheckpointFacts]:
    """What a file of our format says of its model; the tensors are not looked at.

    Args:
        path: of the file, for messages.
        content: the whole file.

    Raises:
        CheckpointError: it is no such file, or its config contradicts its preprocessing.
    """
    header = _header(path, content)
    try:
        config = CONFIGS[header.name].from_dict(header.config)
    except ValueError as error:
        raise CheckpointError(path, "unusable config", tuple(str(error).split("; "))) from error
    wanted = Preprocessing.of(config)
    if header.preprocessing != wanted:
        details = (f"preprocessing {header.preprocessing}", f"config {wanted}")
        raise CheckpointError(path, "the preprocessing contradicts the config", details)
    try:
        errors = None if header.errors is None else ErrorModel(header.errors)
    except ValueError as error:
        raise CheckpointError(path, f"unusable law of errors: {error}") from error
    training = training_text(header.training)
    facts = CheckpointFacts(header.name, header.version, header.trained, wanted, training, errors)
    return config, facts


def _header(path: str, content: bytes) -> _Header:
    """Read our entry of the metadata: 8 bytes of length, little-endian, then JSON.

    Source: https://huggingface.co/docs/safetensors, "Format".
    """
    try:
        (length,) = struct.unpack_from("<Q", content)
        metadata = json.loads(content[8 : 8 + length])["__metadata__"]
        text = metadata[METADATA_KEY]
    except (struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = "no checkpoint: not safetensors with umamba_rt metadata, and no PyTorch file"
        raise CheckpointError(path, reason) from error
    try:
        return msgspec.json.decode(text, type=_Header)
    except (msgspec.MsgspecError, TypeError, RecursionError) as error:
        raise CheckpointError(path, f"unusable metadata: {error}") from error

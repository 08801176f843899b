"""The tensors of an earlier checkpoint, brought to the names and dtypes of our state dict."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from umamba_rt.errors import CheckpointError

# Brought by DataParallel, torch.compile and training wrappers.
_PREFIXES = ("module.", "_orig_mod.", "model.")
_COPY = "decoder.encoder."
_COUNT = "num_batches_tracked"


def tensors_of(path: str, found: object) -> dict[str, Tensor]:
    """Check that a state dict is one, and take off what stands before all of its names.

    Batch norm's count of batches, which nothing here uses, is added where it is missing.

    Raises:
        CheckpointError: it is no dict, is empty, or holds other than plain tensors.
    """
    if not isinstance(found, Mapping) or not found:
        raise CheckpointError(path, "no model_state_dict")
    wrong = [str(key) for key, value in found.items() if not _is_plain_tensor(value)]
    if wrong:
        raise CheckpointError(path, "model_state_dict holds other than tensors", tuple(wrong[:20]))
    tensors = {str(key): value for key, value in found.items()}
    while prefix := next((p for p in _PREFIXES if all(k.startswith(p) for k in tensors)), ""):
        tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    for key in list(tensors):
        norm, _, last = key.rpartition(".")
        if last == "running_mean":
            tensors.setdefault(f"{norm}.{_COUNT}", torch.tensor(0))
        elif last == _COUNT and tensors[key].dtype in (torch.int32, torch.int16):
            tensors[key] = tensors[key].long()
    return tensors


def _is_plain_tensor(value: object) -> bool:
    # A pickle may also hold sparse tensors and ones without storage, which nothing can compare.
    return (
        isinstance(value, Tensor) and value.layout == torch.strided and value.device.type == "cpu"
    )


def stages_in(tensors: Mapping[str, Tensor], prefix: str) -> int:
    """Count the different numbers that follow ``prefix``."""
    return len({k.removeprefix(prefix).split(".")[0] for k in tensors if k.startswith(prefix)})


def without_copy(path: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Drop the decoder's copy of the encoder, which must be one.

    Raises:
        CheckpointError: the two encoders differ.
    """
    kept = {key: value for key, value in tensors.items() if not key.startswith(_COPY)}
    differing = []
    for key in sorted(tensors.keys() - kept.keys()):
        original = key.removeprefix("decoder.")
        if original not in kept:
            kept[key] = tensors[key]  # a copy of nothing: reported as unexpected
        elif not _same(kept[original], tensors[key]):
            differing.append(f"{key} differs from {original}")
    if differing:
        raise CheckpointError(path, "two encoders that differ", tuple(differing[:20]))
    return kept


def _same(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)


def without_unused_heads(tensors: Mapping[str, Tensor], stages: int) -> dict[str, Tensor]:
    """Drop the heads of all decoder stages but the last, which only deep supervision uses."""
    unused = tuple(f"decoder.seg_layers.{s}." for s in range(stages - 1))
    return {key: value for key, value in tensors.items() if not key.startswith(unused)}

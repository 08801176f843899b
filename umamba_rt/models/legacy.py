"""The checkpoints of the earlier training code: PyTorch pickles, read without running them.

The pickle holds a dict: ``model_state_dict``; ``config``, in which constructor arguments stand
among settings of the training; ``epoch``; ``val_loss``. V2, and V1 with three decoder stages, whose
decoder brings a second copy of the encoder under ``decoder.encoder.``.
"""

from __future__ import annotations

import io
import pickle
import re
import struct
import warnings
from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor

from umamba_rt.core.estimate import ModelName
from umamba_rt.errors import CheckpointError
from umamba_rt.models.config import CONFIGS, ModelConfig
from umamba_rt.models.facts import CheckpointFacts, Preprocessing, training_text
from umamba_rt.models.state import Model, fill

_COPY = "decoder.encoder."
_DAMAGED = (
    *(RuntimeError, EOFError, LookupError, ValueError, TypeError),
    *(AttributeError, OSError, AssertionError, ArithmeticError, struct.error),
)
# A loss is often a numpy scalar. These build numbers and call nothing; numpy 1 has `scalar`
# under another name.
_SCALAR = np._core.multiarray.scalar  # type: ignore[attr-defined]
_NUMBERS = [
    _SCALAR,
    (_SCALAR, "numpy.core.multiarray.scalar"),
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8")),
]


def from_bytes(path: str, content: bytes) -> tuple[Model, CheckpointFacts]:
    """Read a ``.pt`` checkpoint; the model is in eval mode.

    Args:
        path: of the file, for messages.
        content: the whole file.

    Raises:
        CheckpointError: the file is damaged, holds anything but tensors and plain values (such a
            pickle is refused, not run), or contradicts itself.
    """
    loaded = _unpickled(path, content)
    tensors = _tensors(path, loaded.get("model_state_dict"))
    given = loaded.get("config", {})
    if not isinstance(given, Mapping):
        raise CheckpointError(path, f"config is {type(given).__name__}, expected a dict")
    name = _name(path, tensors)
    config, extras = _config(path, name, given)
    model = fill(path, config, _without_copy(path, tensors))
    others = {key: loaded[key] for key in ("epoch", "val_loss") if key in loaded}
    version = f"pt-epoch-{loaded['epoch']}" if "epoch" in loaded else "pt"
    training = training_text({**extras, **others})
    return model, CheckpointFacts(name, version, True, Preprocessing.of(config), training)


def _unpickled(path: str, content: bytes) -> Mapping[str, object]:
    try:
        with torch.serialization.safe_globals(_NUMBERS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a pickle protocol that no torch.save writes
            loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = re.search(r"GLOBAL (\S+)", str(error))
        what = f"it wants {wanted[1]}" if wanted else str(error).splitlines()[0]
        reason = "not loaded: the pickle holds more than tensors and plain values"
        raise CheckpointError(path, reason, (what,)) from error
    except _DAMAGED as error:
        raise CheckpointError(path, f"damaged: {str(error).splitlines()[:1]}") from error
    if not isinstance(loaded, Mapping):
        raise CheckpointError(path, f"holds {type(loaded).__name__}, expected a dict")
    return loaded


def _tensors(path: str, found: object) -> dict[str, Tensor]:
    if not isinstance(found, Mapping) or not found:
        raise CheckpointError(path, "no model_state_dict")
    wrong = [str(key) for key, value in found.items() if not _is_plain_tensor(value)]
    if wrong:
        raise CheckpointError(path, "model_state_dict holds other than tensors", tuple(wrong[:20]))
    return {str(key): value for key, value in found.items()}


def _is_plain_tensor(value: object) -> bool:
    # A pickle may also hold sparse tensors and ones without storage, which nothing can compare.
    return (
        isinstance(value, Tensor) and value.layout == torch.strided and value.device.type == "cpu"
    )


def _name(path: str, tensors: Mapping[str, Tensor]) -> ModelName:
    has_head = any(key.startswith("regression_head.") for key in tensors)
    has_decoder = any(key.startswith("decoder.") for key in tensors)
    if has_head == has_decoder:
        both = "both" if has_head else "neither"
        raise CheckpointError(path, f"{both} a regression_head and a decoder: not V1 and not V2")
    return "v2" if has_head else "v1"


def _config(
    path: str, name: ModelName, given: Mapping[object, object]
) -> tuple[ModelConfig, dict[str, object]]:
    """Part constructor arguments, defaults for those absent, from what else the config says."""
    kind = CONFIGS[name]
    arguments = {field.name for field in fields(kind)}
    chosen = {str(key): value for key, value in given.items() if key in arguments}
    extras = {str(key): value for key, value in given.items() if key not in arguments}
    if name == "v1":
        chosen.setdefault("stem_skip", False)
    try:
        return kind.from_dict(chosen), extras
    except ValueError as error:
        raise CheckpointError(path, "unusable config", tuple(str(error).split("; "))) from error


def _without_copy(path: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Drop the decoder's copy of the encoder, which must be one."""
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

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

import numpy as np
import torch
from torch import Tensor

from umamba_rt.core.estimate import ModelName
from umamba_rt.errors import CheckpointError
from umamba_rt.models.config import V1Config
from umamba_rt.models.facts import CheckpointFacts, Preprocessing, training_text
from umamba_rt.models.legacy_config import found_config
from umamba_rt.models.legacy_tensors import (
    stages_in,
    tensors_of,
    without_copy,
    without_unused_heads,
)
from umamba_rt.models.state import Model, fill

_PROTOCOL = (
    "written with pickle protocol {}, which torch cannot read without running what the file says: "
    "load it where it was written and save it again without the argument pickle_protocol"
)
_DAMAGED = (
    *(RuntimeError, EOFError, LookupError, ValueError, TypeError),
    *(AttributeError, OSError, AssertionError, ArithmeticError, struct.error, MemoryError),
)
# A loss is often a numpy scalar or array. These build numbers and call nothing; numpy 1 has the
# two functions under another name.
_SCALAR = np._core.multiarray.scalar  # type: ignore[attr-defined]
_ARRAY = np._core.multiarray._reconstruct  # type: ignore[attr-defined]
_NUMBERS = [
    *(_SCALAR, (_SCALAR, "numpy.core.multiarray.scalar")),
    *(_ARRAY, (_ARRAY, "numpy.core.multiarray._reconstruct")),
    *(np.ndarray, np.dtype),
    *{type(np.dtype(kind)) for kind in "?bhilqBHILQefdgFD"},
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
    tensors = tensors_of(path, loaded.get("model_state_dict"))
    name = _name(path, tensors)
    stages = stages_in(tensors, "decoder.stages.")
    found = found_config(
        path,
        name,
        loaded.get("config"),
        encoder_stages=stages_in(tensors, "encoder.stages."),
        decoder_stages=stages,
    )
    config, tensors = found.config, without_copy(path, tensors)
    if isinstance(config, V1Config) and config.stem_skip and not config.deep_supervision:
        tensors = without_unused_heads(tensors, stages)
    model = fill(path, config, tensors)
    others = {key: loaded[key] for key in ("epoch", "val_loss") if key in loaded}
    version = f"pt-epoch-{loaded['epoch']}" if "epoch" in loaded else "pt"
    training = training_text({**found.extras, **others})
    return model, CheckpointFacts(name, version, True, Preprocessing.of(config), training)


def _unpickled(path: str, content: bytes) -> Mapping[str, object]:
    try:
        with (
            torch.serialization.safe_globals(_NUMBERS),
            warnings.catch_warnings(record=True) as warned,
        ):
            warnings.simplefilter("always")  # of a pickle protocol other than 2
            loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        newer = re.search(r"pickle protocol ([45])\b", " ".join(str(w.message) for w in warned))
        if newer and "Unsupported operand" in str(error):
            raise CheckpointError(path, _PROTOCOL.format(newer[1])) from error
        wanted = re.search(r"GLOBAL (\S+)", str(error))
        what = f"it wants {wanted[1]}" if wanted else str(error).splitlines()[0]
        reason = "not loaded: the pickle holds more than tensors and plain values"
        raise CheckpointError(path, reason, (what,)) from error
    except _DAMAGED as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(path, f"damaged: {first}") from error
    if not isinstance(loaded, Mapping):
        raise CheckpointError(path, f"holds {type(loaded).__name__}, expected a dict")
    return loaded


def _name(path: str, tensors: Mapping[str, Tensor]) -> ModelName:
    has_head = any(key.startswith("regression_head.") for key in tensors)
    has_decoder = any(key.startswith("decoder.") for key in tensors)
    if has_head == has_decoder:
        names = "both a regression_head and" if has_head else "neither a regression_head nor"
        raise CheckpointError(path, f"{names} a decoder: not V1 and not V2")
    return "v2" if has_head else "v1"

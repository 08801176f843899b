"""A model made from a config and filled with tensors that must fit it exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from umamba_rt.errors import CheckpointError
from umamba_rt.models.config import ModelConfig, V1Config
from umamba_rt.models.umamba_v1 import UMambaV1
from umamba_rt.models.umamba_v2 import UMambaV2

Model: TypeAlias = UMambaV1 | UMambaV2

_LISTED = 20  # of each kind; a file of another architecture would fill pages


def values_of(model: Model, *inputs: Tensor) -> Tensor:
    """What a model in eval mode says of windows, for an engine.

    Returns:
        V2: shape ``(B, 2)``, see ``UMambaV2.with_spread``. V1: shape ``(B, N)``, its curve.
    """
    if isinstance(model, UMambaV2):
        return model.with_spread(*inputs)
    curve: Tensor = model(*inputs)
    return curve


def build(config: ModelConfig) -> Model:
    """Make the model of a config, with fresh random weights of torch's global generator."""
    kind = UMambaV1 if isinstance(config, V1Config) else UMambaV2
    return kind(**config.to_dict())  # type: ignore[arg-type]  # the config has checked them


def fill(path: str, config: ModelConfig, tensors: Mapping[str, Tensor]) -> Model:
    """Make the model of ``config`` hold copies of ``tensors``, in eval mode.

    Args:
        path: of the file, for messages.
        config: what the file says of the model.
        tensors: the whole state dict.

    Raises:
        CheckpointError: a key is missing or unexpected, a shape or dtype differs, or a value is
            not finite; everything is listed, up to 20 of a kind.
    """
    # On the meta device nothing is allocated and no random number is drawn: a config that lies
    # about its sizes costs nothing, and loading leaves the global generator alone.
    with torch.device("meta"):
        model = build(config)
    expected = model.state_dict()
    details = [
        *_listed([f"missing key: {key}" for key in expected if key not in tensors]),
        *_listed([f"unexpected key: {key}" for key in tensors if key not in expected]),
        *_listed(_mismatches(expected, tensors)),
    ]
    if details:
        raise CheckpointError(path, "the tensors contradict the config", tuple(details))
    bad = [f"not finite: {key}" for key, value in tensors.items() if not value.isfinite().all()]
    if bad:
        raise CheckpointError(path, "the weights hold NaN or infinity", tuple(_listed(bad)))
    own = {key: value.detach().contiguous().clone() for key, value in tensors.items()}
    model.load_state_dict(own, assign=True)
    return model.eval()


def _mismatches(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    lines = []
    for key, want in expected.items():
        have = found.get(key)
        if have is not None and (have.shape != want.shape or have.dtype != want.dtype):
            lines.append(f"{key}: found {_shape(have)}, expected {_shape(want)}")
    return lines


def _shape(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def _listed(lines: list[str]) -> list[str]:
    if len(lines) <= _LISTED:
        return lines
    return [*lines[:_LISTED], f"and {len(lines) - _LISTED} more like it, {len(lines)} in all"]

"""Weights that a training run goes on from."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from umamba_rt.errors import CheckpointError
from umamba_rt.models.config import ModelConfig, UMambaConfig
from umamba_rt.models.loading import load
from umamba_rt.models.state import Model


def start_from(model: Model, path: Path) -> None:
    """Take over the weights of a checkpoint; of the other model, its encoder's.

    Raises:
        UnavailableError: the file cannot be read.
        CheckpointError: it is no checkpoint, or of another shape.
    """
    found = load(path)
    if found.config == model.config:
        model.load_state_dict(found.state_dict())
        return
    ours, theirs = (_encoder_part(config) for config in (model.config, found.config))
    if found.config.name == model.config.name or ours != theirs:
        details = (f"found {found.config}", f"expected {model.config}")
        raise CheckpointError(str(path), "is of another model than the recipe's", details)
    model.encoder.load_state_dict(found.encoder.state_dict())


def _encoder_part(config: ModelConfig) -> list[object]:
    return [getattr(config, field.name) for field in fields(UMambaConfig)]

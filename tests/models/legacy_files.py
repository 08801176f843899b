"""Files as the earlier training code wrote them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from umamba_rt.models.state import Model

OLD_CONFIG: dict[str, object] = {
    "in_channels": 3,
    "sampling_rate": 100,
    "norm": "std",
    "n_stages": 4,
    "features_per_stage": [8, 16, 32, 64],
    "kernel_size": 7,
    "strides": [2, 2, 2, 2],
    "n_blocks_per_stage": 2,
    "learning_rate": 1e-3,
    "optimizer": "AdamW",
}


def shake(model: Model, seed: int = 0) -> Model:
    """Give batch norm statistics that matter, as training does."""
    g = torch.Generator().manual_seed(seed)
    for key, value in model.named_buffers():
        if key.endswith("running_mean"):
            value.copy_(torch.randn(value.shape, generator=g) * 0.1)
        elif key.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=g) + 0.5)
    return model.eval()


def legacy_state(model: Model) -> dict[str, Tensor]:
    """State dict with the second copy of the encoder that V1's decoder brought."""
    state = dict(model.state_dict())
    if model.config.name == "v1":
        state |= {f"decoder.{k}": v for k, v in state.items() if k.startswith("encoder.")}
    return state


def write_pt(path: Path, state: object, config: object = None, **others: object) -> Path:
    content = {
        "model_state_dict": state,
        "config": OLD_CONFIG if config is None else config,
        "epoch": 41,
        "val_loss": 0.065,
    }
    torch.save(content | others, path)
    return path

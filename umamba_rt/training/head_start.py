"""V2's head taught to read the amplitude features before its encoder has learned anything.

A head alone sees a million windows in the time in which the whole model sees twenty thousand, and
gets most of the way by itself; the encoder then learns what the levels do not tell.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from umamba_rt.ahead import ahead
from umamba_rt.models.umamba_v2 import UMambaV2
from umamba_rt.training.loss import LossKind, estimate_loss
from umamba_rt.training.sampler import Sampler

_DRAWN_AT_ONCE, _BATCH = 250, 64
_LEARNING_RATE, _WEIGHT_DECAY = 2e-3, 1e-4


def head_start(
    model: UMambaV2,
    sampler: Sampler,
    *,
    hears_encoder: bool,
    windows: int,
    passes: int,
    loss: LossKind,
    seed: int,
) -> float:
    """Train the head alone.

    Args:
        model: with amplitude features; its encoder is left as it is.
        sampler: where windows come from.
        hears_encoder: False for an encoder that has learned nothing: its part of the head's input
            is 0, and so are the head's weights on it afterwards.
        windows: drawn once.
        passes: over them, with a learning rate that falls as a cosine.
        loss: see `estimate_loss`.
        seed: of the windows, their order and dropout.

    Returns:
        Mean loss of the last pass.

    Raises:
        ValueError: the model has no amplitude features.
    """
    features, magnitude = _drawn(model, sampler, windows, seed, hears_encoder=hears_encoder)
    head = model.regression_head
    if not hears_encoder:
        first = next(layer for layer in head if isinstance(layer, nn.Linear))
        with torch.no_grad():
            first.weight[:, : model.config.features_per_stage[-1]] = 0.0
    optimiser = torch.optim.AdamW(head.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    steps = max(1, len(magnitude) // _BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, passes * steps)
    order = torch.Generator().manual_seed(seed)
    head.train()
    losses: list[float] = []
    for _ in range(passes):
        losses = []
        shuffled = torch.randperm(len(magnitude), generator=order)
        for k in range(steps):
            chosen = shuffled[k * _BATCH : (k + 1) * _BATCH]
            estimate: Tensor = head(features[chosen]).squeeze(-1)
            value = estimate_loss(estimate, magnitude[chosen], loss)
            optimiser.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            losses.append(value.item())
    return float(np.mean(losses))


def _drawn(
    model: UMambaV2, sampler: Sampler, windows: int, seed: int, *, hears_encoder: bool
) -> tuple[Tensor, Tensor]:
    """The head's inputs and targets."""
    model.eval()
    inputs, magnitude = [], []
    count = -(-windows // _DRAWN_AT_ONCE)
    for batch in ahead(sampler.batches((seed, 1 << 20), count, _DRAWN_AT_ONCE)):
        if batch.inputs.amplitude is None:
            raise ValueError("a head start needs amplitude features")
        with torch.no_grad():
            if hears_encoder:
                maps = model.encoder(torch.from_numpy(batch.inputs.samples))
                pooled = model.pooling(maps[-1]).squeeze(-1)
            else:
                pooled = torch.zeros(len(batch.inputs), model.config.features_per_stage[-1])
        inputs.append(torch.cat((pooled, torch.from_numpy(batch.inputs.amplitude)), dim=1))
        magnitude.append(torch.from_numpy(batch.magnitude))
    return torch.cat(inputs), torch.cat(magnitude)

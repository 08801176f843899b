"""Pooling over time with learned weights; kept for experiments, no shipped model uses it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LearnablePooling(nn.Module):
    """Mean over time in which every element carries a gate computed from its own sample.

    The gates are ``sigmoid(W x[t] + v)``, one for each channel; the cost is linear in the length,
    where attention's is quadratic.

    Args:
        channels: channels of the map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map shape ``(B, channels, L)`` to the weighted mean, shape ``(B, channels)``."""
        weights = torch.sigmoid(self.gate(x))
        return (weights * x).sum(-1) / weights.sum(-1).clamp(min=torch.finfo(x.dtype).tiny)

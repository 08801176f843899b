"""How long a step of training takes, V1 and V2 at the published defaults."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

from tools.benchmark_numbers import Spread, alternate
from umamba_rt.models.config import ModelConfig, V1Config, V2Config
from umamba_rt.models.state import build
from umamba_rt.training.loss import curve_target, estimate_loss

BATCH = 64


def measure_training(repetitions: int, batch: int = BATCH) -> dict[str, Spread]:
    """Seconds a step: forward, loss, backward, clipped gradients, AdamW; by turns."""
    work: dict[str, Callable[[], int]] = {
        "v2": _Steps(V2Config(), batch),
        "v1": _Steps(V1Config(), batch),
    }
    rates = alternate(work, repetitions)
    return {name: rate.reciprocal(1.0) for name, rate in rates.items()}


class _Steps:
    """Steps of one model over one batch of noise; each call is one."""

    def __init__(self, config: ModelConfig, batch: int) -> None:
        torch.manual_seed(0)
        self._model = build(config).train()
        self._optimiser = torch.optim.AdamW(self._model.parameters(), lr=1e-3, weight_decay=1e-5)
        self._windows = torch.randn(batch, config.in_channels, config.in_samples)
        magnitude = torch.full((batch,), 3.0)
        onset = torch.full((batch,), config.in_samples / 3)
        curve = curve_target(magnitude, onset, config.in_samples, "after-p")
        self._target = curve if config.name == "v1" else magnitude

    def __call__(self) -> int:
        loss = estimate_loss(self._model(self._windows), self._target, "mse")
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimiser.step()
        return 1

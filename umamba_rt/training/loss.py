"""What training makes small: the specification's losses of V1 and V2, exactly."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

LossKind: TypeAlias = Literal["mse", "huber"]
TargetKind: TypeAlias = Literal["constant", "after-p"]
# Labels of one earthquake by different agencies lie 0.2 to 0.3 apart: beyond twice that an error
# is more often the label's than the model's.
HUBER_DELTA = 0.5


def estimate_loss(output: Tensor | tuple[Tensor, ...], target: Tensor, kind: LossKind) -> Tensor:
    """The mean loss of a batch.

    Args:
        output: V2's shape ``(B,)``; V1's ``(B, N)``, or with deep supervision one of those for
            each decoder stage, finest first, which weigh 1, 1/2, 1/4 ..., together 1.
        target: shape ``(B,)`` for V2, ``(B, N)`` for V1.
        kind: ``mse`` is the specification's.
    """
    if isinstance(output, tuple):
        weights = [0.5**k for k in range(len(output))]
        parts = [w * _loss(y, target, kind) for w, y in zip(weights, output, strict=True)]
        return torch.stack(parts).sum() / sum(weights)
    return _loss(output, target, kind)


def _loss(output: Tensor, target: Tensor, kind: LossKind) -> Tensor:
    if kind == "mse":
        return functional.mse_loss(output, target)
    return functional.huber_loss(output, target, delta=HUBER_DELTA)


def curve_target(magnitude: Tensor, p_sample: Tensor, length: int, kind: TargetKind) -> Tensor:
    """V1's target over a window.

    Args:
        magnitude: shape ``(B,)``; 0 where the window holds no P onset.
        p_sample: shape ``(B,)``, index of the P onset in the window; NaN where there is none.
        length: N, samples of the window.
        kind: ``constant``: the magnitude at every sample. ``after-p``: 0 before the P sample and
            the magnitude from it on.

    Returns:
        Shape ``(B, N)``.
    """
    flat = magnitude[:, None].expand(-1, length)
    if kind == "constant":
        return flat
    after = torch.arange(length, device=magnitude.device) >= p_sample[:, None]  # False for NaN
    return torch.where(after, flat, torch.zeros_like(flat))

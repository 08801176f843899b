"""The amplitude features as a tensor, given or not."""

from __future__ import annotations

import torch
from torch import Tensor

from umamba_rt.core.amplitude import unknown_amplitude


def given_or_unknown(amplitude: Tensor | None, x: Tensor) -> Tensor:
    """The features as they are, or those of an unknown unit for each window of ``x``."""
    if amplitude is not None:
        return amplitude
    return torch.from_numpy(unknown_amplitude(len(x))).to(x)

"""What a regression head answers, and how far its hidden units disagree: dropout in closed form.

Monte-Carlo dropout runs a head a hundred times with units left out at random, and takes the spread
of the answers for a doubt. To first order it is the root of the summed squares of what each unit
contributes: one pass, and no chance. What a unit contributes passes through the units above it,
whose own noise blurs the kink at zero: their slope there is the mean over that noise. Without that
blur the spread jumps, by 1.5 % at a test's window, where rounding turns a unit's sign.

On 3,019 windows of 62 held-out earthquakes the logarithms of this and of the spread of 100 runs
correlate by 0.95.

Source: Gal and Ghahramani (2016), Dropout as a Bayesian approximation, for the sampling.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from umamba_rt.models.dropout import LEAK, LEAST, LOGISTIC, NOISE


def answer_and_spread(head: nn.Sequential, features: Tensor) -> Tensor:
    """Run a head of linear layers with LeakyReLU and dropout between them, in eval mode.

    Args:
        head: as `umamba_rt.models.umamba_v2` makes it.
        features: shape ``(B, width)``.

    Returns:
        Shape ``(B, 2)``: the answer; the standard deviation of answers with a tenth of the hidden
        units left out, 0 without any. Both in the answer's unit.
    """
    *layers, last = (layer for layer in head if isinstance(layer, nn.Linear))
    levels: list[Tensor] = []
    hidden: list[Tensor] = []
    x = features
    for layer in layers:
        levels.append(layer(x))
        x = nn.functional.leaky_relu(levels[-1], LEAK)
        hidden.append(x)
    answer = last(x)
    squares = torch.zeros_like(answer)
    weight = last.weight
    for k in reversed(range(len(layers))):
        squares = squares + ((weight * hidden[k]) ** 2).sum(dim=1, keepdim=True)
        if k:
            slope = _mean_slope(levels[k], hidden[k - 1], layers[k].weight)
            weight = (weight * slope) @ layers[k].weight
    return torch.cat((answer, squares.sqrt() * NOISE), dim=1)


def _mean_slope(level: Tensor, below: Tensor, weight: Tensor) -> Tensor:
    """A layer's LeakyReLU's slope, over the noise that dropout in the layer below makes of it."""
    noise = ((below**2) @ (weight**2).T).sqrt() * NOISE
    return LEAK + (1 - LEAK) * torch.sigmoid(level / noise.clamp(min=LEAST) * LOGISTIC)

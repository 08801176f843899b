"""models/pooling.py: a weighted mean over time."""

from __future__ import annotations

import torch

from umamba_rt.models.pooling import LearnablePooling


def test_even_gates_give_the_mean() -> None:
    pooling, x = LearnablePooling(4), torch.randn(2, 4, 9)
    torch.nn.init.zeros_(pooling.gate.weight)
    torch.testing.assert_close(pooling(x), x.mean(-1))


def test_closed_gates_take_their_samples_out() -> None:
    pooling, x = LearnablePooling(1), torch.tensor([[[-100.0, 2.0, 4.0]]])
    torch.nn.init.ones_(pooling.gate.weight)
    assert pooling.gate.bias is not None
    torch.nn.init.zeros_(pooling.gate.bias)
    assert 2 < float(pooling(x)[0, 0].detach()) < 4

"""models/summary.py: counts that add up, and a reach that the model really has."""

from __future__ import annotations

import pytest
import torch

from umamba_rt.models import UMambaV1, UMambaV2
from umamba_rt.models.state import Model
from umamba_rt.models.summary import summarise


@pytest.mark.parametrize("model", [UMambaV1(), UMambaV1(deep_supervision=True), UMambaV2()])
def test_counts_of_the_blocks_add_up(model: Model) -> None:
    summary = summarise(model)
    assert sum(count for _, count in summary.blocks) == summary.parameters
    assert summary.map_lengths == (3001, 1501, 751, 376, 188)
    assert summary.channel_tokens == (None, False, None, False)


def test_blocks_of_v2_are_named_in_the_order_of_the_data() -> None:
    blocks = dict(summarise(UMambaV2()).blocks)
    assert list(blocks)[:4] == [
        "encoder.stem",
        "encoder.stages.0",
        "encoder.stages.1",
        "encoder.mamba_layers.1",
    ]
    assert blocks["encoder.mamba_layers.1"] + blocks["encoder.mamba_layers.3"] == 36_160
    assert blocks["regression_head"] == 16_641


def test_receptive_field_is_what_a_change_of_the_input_reaches() -> None:
    # Without Mamba, which reaches back to the start: identity in its place.
    model = UMambaV2(n_stages=3, features_per_stage=4, strides=[2, 3, 2], n_blocks_per_stage=2)
    summary = summarise(model)
    encoder = model.double().eval().encoder
    encoder.mamba_layers = torch.nn.ModuleList(torch.nn.Identity() for _ in range(3))
    x = torch.randn(1, 3, 3001, dtype=torch.float64, requires_grad=True)
    encoder(x)[-1][0, :, 120].sum().backward()
    assert x.grad is not None
    touched = x.grad.abs().sum(dim=(0, 1)).nonzero()
    assert int(touched.max() - touched.min()) + 1 == summary.receptive_field
    assert summary.stride == 12

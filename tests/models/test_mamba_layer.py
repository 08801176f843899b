"""models/mamba_layer.py: which axis holds the tokens, and float32 always."""

from __future__ import annotations

import pytest
import torch

from umamba_rt.models.mamba_layer import MambaLayer


def test_patch_tokens_are_the_samples() -> None:
    layer, x = MambaLayer(8), torch.randn(2, 8, 30)
    expected = layer.mamba(layer.norm(x.transpose(1, 2))).transpose(1, 2)
    torch.testing.assert_close(layer(x), expected)


def test_channel_tokens_are_the_channels() -> None:
    layer, x = MambaLayer(5, channel_token=True), torch.randn(2, 8, 5)
    changed = x.clone()
    changed[:, 6] += torch.randn(5)
    before, after = layer(x), layer(changed)
    assert torch.equal(before[:, :6], after[:, :6])
    assert not torch.allclose(before[:, 6:], after[:, 6:])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_layer_computes_in_float32_inside_autocast(dtype: torch.dtype) -> None:
    layer, x = MambaLayer(8), torch.randn(2, 8, 30)
    halved = x.to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = layer(halved)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, layer(halved.float()))


def test_sizes_of_the_mamba_block_are_passed_on() -> None:
    layer = MambaLayer(6, 8, 3, 4, True)
    assert (layer.mamba.d_state, layer.mamba.d_inner) == (8, 24)
    assert layer.mamba.conv1d.kernel_size == (3,)
    assert layer.channel_token
    assert layer(torch.randn(2, 5, 6)).shape == (2, 5, 6)

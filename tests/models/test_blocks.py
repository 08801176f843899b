"""models/blocks.py: names, shapes and the sum of the two paths."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from umamba_rt.models.blocks import BasicResBlock, UpsampleLayer, res_stage


def test_block_is_the_sum_of_two_paths() -> None:
    block, x = BasicResBlock(3, 8, 7, stride=2, shortcut_conv=True), torch.randn(2, 3, 31)
    block.norm1.running_mean = torch.randn(8)
    block.norm2.running_var = torch.rand(8) + 0.5
    block.eval()
    y = functional.conv1d(x, block.conv1.weight, block.conv1.bias, stride=2, padding=3)
    y = functional.leaky_relu(block.norm1(y), 0.01)
    y = block.norm2(functional.conv1d(y, block.conv2.weight, block.conv2.bias, padding=3))
    assert block.conv3 is not None
    y = y + functional.conv1d(x, block.conv3.weight, block.conv3.bias, stride=2)
    torch.testing.assert_close(block(x), functional.leaky_relu(y, 0.01))


def test_block_leaves_its_input_alone() -> None:
    block, x = BasicResBlock(4, 4, 3).eval(), torch.randn(2, 4, 9)
    kept = x.clone()
    block(x)
    assert torch.equal(x, kept)


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("length", [1, 2, 7, 30, 31])
def test_length_is_rounded_up(stride: int, length: int) -> None:
    block = BasicResBlock(3, 4, 7, stride=stride, shortcut_conv=True).eval()
    assert block(torch.randn(1, 3, length)).shape == (1, 4, -(-length // stride))


def test_only_the_first_block_of_a_stage_has_a_shortcut_convolution() -> None:
    keys = res_stage(3, 4, 7, stride=2, n_blocks=3).state_dict()
    assert {key.split(".")[0] for key in keys if "conv3" in key} == {"0"}
    assert {key.split(".")[0] for key in keys} == {"0", "1", "2"}


def test_upsampling_repeats_samples_then_mixes_channels() -> None:
    layer, x = UpsampleLayer(4, 3, 2), torch.randn(2, 4, 5)
    expected = layer.conv(functional.interpolate(x, scale_factor=2, mode="nearest"))
    torch.testing.assert_close(layer(x), expected)


def test_upsampling_takes_the_names_of_the_specification() -> None:
    layer = UpsampleLayer(input_channels=4, output_channels=3, pool_op_kernel_size=2, mode="linear")
    x = torch.randn(2, 4, 5)
    expected = layer.conv(functional.interpolate(x, scale_factor=2, mode="linear"))
    torch.testing.assert_close(layer(x), expected)
    assert UpsampleLayer(4, 3, 2, "nearest")(x).shape == (2, 3, 10)


@pytest.mark.parametrize(
    ("width", "stride", "convolved"), [(4, 1, False), (5, 1, True), (4, 2, True)]
)
def test_shortcut_is_convolved_where_the_shape_changes(
    width: int, stride: int, convolved: bool
) -> None:
    block = BasicResBlock(4, width, 3, stride)
    assert (block.conv3 is not None) == convolved
    assert BasicResBlock(4, 4, 3, 1, True).conv3 is not None
    block(torch.randn(2, 4, 9))

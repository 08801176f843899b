"""The convolutional blocks that encoder and decoder are made of."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class BasicResBlock(nn.Module):
    """Two convolutions with batch norm around a shortcut.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: of both convolutions; odd, half of it is the padding.
        stride: of the first convolution and of the shortcut.
        shortcut_conv: put a 1x1 convolution without norm on the shortcut; None: where channels or
            stride change the shape.

    Source: bowang-lab/U-Mamba: umamba/nnunetv2/nets/UMambaEnc_3d.py, read, not copied.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        shortcut_conv: bool | None = None,
    ) -> None:
        super().__init__()
        if shortcut_conv is None:
            shortcut_conv = in_channels != out_channels or stride != 1
        half = kernel_size // 2
        self.conv1 = nn.Conv1d(in_channels, out_channels, kernel_size, stride, half)
        self.norm1: nn.Module = nn.BatchNorm1d(out_channels)
        self.act1 = nn.LeakyReLU(inplace=True)
        self.conv2 = nn.Conv1d(out_channels, out_channels, kernel_size, 1, half)
        self.norm2: nn.Module = nn.BatchNorm1d(out_channels)
        self.act2 = nn.LeakyReLU(inplace=True)
        self.conv3 = nn.Conv1d(in_channels, out_channels, 1, stride) if shortcut_conv else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, L)`` to ``(B, out_channels, ceil(L / stride))``."""
        y: Tensor = self.act1(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        y = y + (x if self.conv3 is None else self.conv3(x))
        return self.act2(y)  # type: ignore[no-any-return]


def res_stage(
    in_channels: int, out_channels: int, kernel_size: int, *, stride: int, n_blocks: int
) -> nn.Sequential:
    """One block that changes the shape, then ``n_blocks - 1`` that keep it."""
    first = BasicResBlock(in_channels, out_channels, kernel_size, stride=stride, shortcut_conv=True)
    rest = [BasicResBlock(out_channels, out_channels, kernel_size) for _ in range(n_blocks - 1)]
    return nn.Sequential(first, *rest)


class UpsampleLayer(nn.Module):
    """Lengthen a map by interpolation and mix its channels with a 1x1 convolution.

    Args:
        input_channels: channels of the input.
        output_channels: channels of the output.
        pool_op_kernel_size: how many times longer the output is.
        mode: of `torch.nn.functional.interpolate`; ``nearest`` repeats each sample.
    """

    def __init__(
        self,
        input_channels: int,
        output_channels: int,
        pool_op_kernel_size: int,
        mode: str = "nearest",
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(input_channels, output_channels, 1)
        self.pool_op_kernel_size, self.mode = pool_op_kernel_size, mode

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, input_channels, L)`` to ``(B, output_channels, pool_op_kernel_size * L)``."""
        # A 1x1 convolution and an interpolation commute: either's weights add up to one. In this
        # order the convolution has 1/pool_op_kernel_size of the work.
        return functional.interpolate(
            self.conv(x), scale_factor=self.pool_op_kernel_size, mode=self.mode
        )

"""The encoder that both models share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from torch import Tensor, nn

from umamba_rt.models.blocks import BasicResBlock, res_stage
from umamba_rt.models.config import UMambaConfig, V2Config
from umamba_rt.models.mamba_layer import MambaLayer


class UMambaEncoder(nn.Module):
    """Stem and strided residual stages, with a Mamba layer behind every other stage.

    Arguments are those of `UMambaConfig`, where they are described; lists may be given as one
    number. `UMambaConfig.map_lengths` decides where channels are tokens.

    Raises:
        ValueError: an argument is not usable; all such are listed.

    Source: bowang-lab/U-Mamba: umamba/nnunetv2/nets/UMambaEnc_3d.py, read, not copied. There the
    lengths for the choice of tokens are rounded down, here they are those of the maps.
    """

    def __init__(
        self,
        in_channels: int = 3,
        n_stages: int = 4,
        features_per_stage: int | Sequence[int] = (8, 16, 32, 64),
        kernel_size: int = 7,
        strides: int | Sequence[int] = (2, 2, 2, 2),
        n_blocks_per_stage: int | Sequence[int] = 2,
        *,
        in_samples: int = 3001,
    ) -> None:
        super().__init__()
        given = {
            "in_channels": in_channels,
            "n_stages": n_stages,
            "features_per_stage": features_per_stage,
            "kernel_size": kernel_size,
            "strides": strides,
            "n_blocks_per_stage": n_blocks_per_stage,
            "in_samples": in_samples,
        }
        config = V2Config.from_dict(given)  # for its checks: of the two the simpler
        widths, kernel = config.features_per_stage, config.kernel_size
        self.stem = BasicResBlock(config.in_channels, widths[0], kernel, shortcut_conv=True)
        stages, layers = [], []
        for s, (width, length) in enumerate(zip(widths, config.map_lengths()[1:], strict=True)):
            stage = res_stage(
                widths[max(s - 1, 0)],
                width,
                kernel,
                stride=config.strides[s],
                n_blocks=config.n_blocks_per_stage[s],
            )
            stages.append(stage)
            layers.append(_layer_behind(s, config.n_stages, width, length))
        self.stages, self.mamba_layers = nn.ModuleList(stages), nn.ModuleList(layers)

    @classmethod
    def from_config(cls, config: UMambaConfig) -> Self:
        """Make the encoder of a model."""
        return cls(
            config.in_channels,
            config.n_stages,
            config.features_per_stage,
            config.kernel_size,
            config.strides,
            config.n_blocks_per_stage,
            in_samples=config.in_samples,
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps of the stem and of each stage, finest first.

        Args:
            x: shape ``(B, in_channels, N)``.

        Returns:
            ``n_stages + 1`` maps of shapes ``(B, channels, length)``.
        """
        maps = [self.stem(x)]
        for stage, layer in zip(self.stages, self.mamba_layers, strict=True):
            maps.append(layer(stage(maps[-1])))
        return maps


def _layer_behind(stage: int, n_stages: int, width: int, length: int) -> nn.Module:
    """Mamba or nothing: they alternate, and the last stage always has one."""
    if bool(stage % 2) == bool(n_stages % 2):
        return nn.Identity()
    channel_token = length <= width
    return MambaLayer(length if channel_token else width, channel_token=channel_token)

"""The encoder that both models share."""

from __future__ import annotations

from torch import Tensor, nn

from umamba_rt.models.blocks import BasicResBlock, res_stage
from umamba_rt.models.config import UMambaConfig
from umamba_rt.models.mamba_layer import MambaLayer


class UMambaEncoder(nn.Module):
    """Stem and strided residual stages, with a Mamba layer behind every other stage.

    Args:
        config: shapes of everything; `UMambaConfig.map_lengths` decides where channels are tokens.

    Source: bowang-lab/U-Mamba: umamba/nnunetv2/nets/UMambaEnc_3d.py, read, not copied. There the
    lengths for the choice of tokens are rounded down, here they are those of the maps.
    """

    def __init__(self, config: UMambaConfig) -> None:
        super().__init__()
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

"""The normalised Mamba layer that sits behind a stage of the encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from umamba_rt.models.mamba import Mamba


class MambaLayer(nn.Module):
    """LayerNorm, then Mamba, over the samples or over the channels of a map; no residual.

    Args:
        dim: width of a token: the map's channels, or its length with channel tokens.
        d_state: hidden states of each inner channel.
        d_conv: taps of the causal depthwise convolution.
        expand: inner channels for each channel of the token.
        channel_token: take each channel as a token instead of each sample.

    Source: Ma, Li and Wang, U-Mamba, arXiv:2401.04722; bowang-lab/U-Mamba:
    umamba/nnunetv2/nets/UMambaEnc_3d.py, read, not copied.
    """

    def __init__(
        self,
        dim: int,
        d_state: int = 16,
        d_conv: int = 4,
        expand: int = 2,
        channel_token: bool = False,
    ) -> None:
        super().__init__()
        self.dim, self.channel_token = dim, channel_token
        self.norm = nn.LayerNorm(dim)
        self.mamba = Mamba(dim, d_state=d_state, d_conv=d_conv, expand=expand)

    def forward(self, x: Tensor) -> Tensor:
        """Map shape ``(B, C, L)`` to the same shape, in float32 whatever autocast says.

        The recurrence multiplies hundreds of decays: half precision does not hold them.
        """
        with torch.autocast(x.device.type, enabled=False):
            if x.dtype in (torch.float16, torch.bfloat16):
                x = x.float()
            if self.channel_token:
                return self._mixed(x)
            return self._mixed(x.transpose(1, 2)).transpose(1, 2)

    def _mixed(self, tokens: Tensor) -> Tensor:
        mixed: Tensor = self.mamba(self.norm(tokens))
        return mixed

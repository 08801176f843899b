"""The Mamba block, with the parameters of ``mamba_ssm.Mamba`` and a scan for every device."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from umamba_rt.models.scan import selective_scan

_DT_MIN, _DT_MAX, _DT_FLOOR = 1e-3, 0.1, 1e-4


class Mamba(nn.Module):
    """Selective state space block over a sequence of tokens.

    Names, shapes, order and initialisation of the parameters are those of ``mamba_ssm.Mamba`` with
    its defaults, so that a state dict passes both ways.

    Args:
        d_model: width of a token.
        d_state: hidden states of each inner channel.
        d_conv: taps of the causal depthwise convolution.
        expand: inner channels for each channel of the token.

    Source: Gu and Dao, arXiv:2312.00752, section 3.4; state-spaces/mamba:
    mamba_ssm/modules/mamba_simple.py, read, not copied.
    """

    def __init__(
        self, d_model: int, *, d_state: int = 16, d_conv: int = 4, expand: int = 2
    ) -> None:
        super().__init__()
        self.d_state, self.d_inner, self.dt_rank = d_state, expand * d_model, -(-d_model // 16)
        self.in_proj = nn.Linear(d_model, 2 * self.d_inner, bias=False)
        self.conv1d = nn.Conv1d(
            self.d_inner, self.d_inner, d_conv, groups=self.d_inner, padding=d_conv - 1
        )
        self.x_proj = nn.Linear(self.d_inner, self.dt_rank + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(self.dt_rank, self.d_inner)
        states = torch.arange(1, d_state + 1, dtype=torch.float32)
        self.A_log = nn.Parameter(torch.log(states).repeat(self.d_inner, 1))
        self.D = nn.Parameter(torch.ones(self.d_inner))
        self.out_proj = nn.Linear(self.d_inner, d_model, bias=False)
        self._reset_steps()

    def _reset_steps(self) -> None:
        """Draw step sizes log-uniformly from 0.001 to 0.1; the bias is their inverse softplus."""
        limit = self.dt_rank**-0.5
        nn.init.uniform_(self.dt_proj.weight, -limit, limit)
        span = math.log(_DT_MAX) - math.log(_DT_MIN)
        steps = torch.exp(torch.rand(self.d_inner) * span + math.log(_DT_MIN)).clamp(min=_DT_FLOOR)
        with torch.no_grad():
            self.dt_proj.bias.copy_(steps + torch.log(-torch.expm1(-steps)))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens of shape ``(B, L, d_model)`` to the same shape; token t sees only 0..t."""
        length = tokens.shape[1]
        # Channels first from here on, as the convolution and the scan want it.
        x, gate = (self.in_proj.weight @ tokens.transpose(1, 2)).chunk(2, dim=1)
        x = functional.silu(self.conv1d(x)[..., :length])
        steps, b, c = torch.split(
            self.x_proj(x.transpose(1, 2)), [self.dt_rank, self.d_state, self.d_state], dim=-1
        )
        delta = functional.softplus(self.dt_proj(steps)).transpose(1, 2)
        y = selective_scan(
            x, delta, -torch.exp(self.A_log), b.transpose(1, 2), c.transpose(1, 2), self.D
        )
        y = y * functional.silu(gate)
        return functional.linear(y.transpose(1, 2), self.out_proj.weight)

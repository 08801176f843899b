"""UMamba V2: one magnitude for a window."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from umamba_rt.core.amplitude import N_AMPLITUDE
from umamba_rt.core.estimate import ModelIdentity
from umamba_rt.core.preprocess import Norm
from umamba_rt.core.uncertainty import ErrorModel
from umamba_rt.models.amplitude import given_or_unknown
from umamba_rt.models.config import Pooling, V2Config
from umamba_rt.models.encoder import UMambaEncoder
from umamba_rt.models.head_spread import answer_and_spread


class UMambaV2(nn.Module):
    """Encoder, pooling over time, regression head.

    Arguments are those of `V2Config`, where they are described; lists may be given as one number.

    Attributes:
        config: the same values, checked and complete.
        identity: which weights these are; None until they are loaded or seeded.
        errors: how far its estimates are off; None where that was not measured.

    Raises:
        ValueError: an argument is not usable; all such are listed.

    Source: the specification of UMamba V1 and V2.
    """

    identity: ModelIdentity | None = None
    errors: ErrorModel | None = None

    def __init__(
        self,
        in_channels: int = 3,
        sampling_rate: float = 100.0,
        norm: Norm = "std",
        n_stages: int = 4,
        features_per_stage: int | Sequence[int] = (8, 16, 32, 64),
        kernel_size: int = 7,
        strides: int | Sequence[int] = (2, 2, 2, 2),
        n_blocks_per_stage: int | Sequence[int] = 2,
        pooling_type: Pooling = "avg",
        hidden_dims: Sequence[int] = (128, 64),
        dropout: float = 0.3,
        *,
        amplitude_features: bool = False,
        in_samples: int = 3001,
    ) -> None:
        super().__init__()
        given = {
            "in_channels": in_channels,
            "sampling_rate": sampling_rate,
            "norm": norm,
            "n_stages": n_stages,
            "features_per_stage": features_per_stage,
            "kernel_size": kernel_size,
            "strides": strides,
            "n_blocks_per_stage": n_blocks_per_stage,
            "pooling_type": pooling_type,
            "hidden_dims": hidden_dims,
            "dropout": dropout,
            "amplitude_features": amplitude_features,
            "in_samples": in_samples,
        }
        self.config = V2Config.from_dict(given)
        self.encoder = UMambaEncoder.from_config(self.config)
        average = self.config.pooling_type == "avg"
        self.pooling = nn.AdaptiveAvgPool1d(1) if average else nn.AdaptiveMaxPool1d(1)
        self.regression_head = _head(self.config)

    def forward(self, x: Tensor, amplitude: Tensor | None = None) -> Tensor:
        """Estimate the magnitude of each window.

        Args:
            x: preprocessed windows, shape ``(B, 3, N)``.
            amplitude: with ``amplitude_features``, shape ``(B, N_AMPLITUDE)``; None: the unit of
                all windows is not known.

        Returns:
            Shape ``(B,)``, magnitude units.
        """
        magnitude: Tensor = self.regression_head(self._features(x, amplitude))
        return magnitude.squeeze(-1)

    def with_spread(self, x: Tensor, amplitude: Tensor | None = None) -> Tensor:
        """Estimate as ``forward`` does in eval mode, and tell how far the head's units disagree.

        Returns:
            Shape ``(B, 2)``: magnitude; see `umamba_rt.models.head_spread`.
        """
        return answer_and_spread(self.regression_head, self._features(x, amplitude))

    def _features(self, x: Tensor, amplitude: Tensor | None) -> Tensor:
        pooled: Tensor = self.pooling(self.encoder(x)[-1]).squeeze(-1)
        if self.config.amplitude_features:
            pooled = torch.cat((pooled, given_or_unknown(amplitude, x)), dim=1)
        return pooled


def _head(config: V2Config) -> nn.Sequential:
    """Linear, LeakyReLU and dropout for each hidden width, then one number."""
    layers: list[nn.Module] = []
    width = config.features_per_stage[-1] + N_AMPLITUDE * config.amplitude_features
    for hidden in config.hidden_dims:
        layers += [nn.Linear(width, hidden), nn.LeakyReLU(inplace=True), nn.Dropout(config.dropout)]
        width = hidden
    return nn.Sequential(*layers, nn.Linear(width, 1))

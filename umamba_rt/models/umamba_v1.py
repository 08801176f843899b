"""UMamba V1: the magnitude at each sample of a window."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from umamba_rt.core.amplitude import N_AMPLITUDE
from umamba_rt.core.estimate import ModelIdentity
from umamba_rt.core.preprocess import Norm
from umamba_rt.core.uncertainty import ErrorModel
from umamba_rt.models.amplitude import given_or_unknown
from umamba_rt.models.config import Readout, V1Config
from umamba_rt.models.decoder import UMambaDecoder
from umamba_rt.models.encoder import UMambaEncoder


class UMambaV1(nn.Module):
    """Encoder and decoder.

    Arguments are those of `V1Config`, where they are described; lists may be given as one number.

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
        n_conv_per_stage_decoder: int | Sequence[int] = 2,
        deep_supervision: bool = False,
        *,
        stem_skip: bool = True,
        amplitude_features: bool = False,
        readout: Readout = "mean",
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
            "n_conv_per_stage_decoder": n_conv_per_stage_decoder,
            "deep_supervision": deep_supervision,
            "stem_skip": stem_skip,
            "amplitude_features": amplitude_features,
            "readout": readout,
            "in_samples": in_samples,
        }
        self.config = V1Config.from_dict(given)
        self.encoder = UMambaEncoder.from_config(self.config)
        self.decoder = UMambaDecoder.from_config(self.config)
        if self.config.amplitude_features:
            width = self.config.features_per_stage[-1]
            self.amplitude = nn.Sequential(
                nn.Linear(N_AMPLITUDE, 2 * width), nn.LeakyReLU(), nn.Linear(2 * width, width)
            )

    def forward(self, x: Tensor, amplitude: Tensor | None = None) -> Tensor | tuple[Tensor, ...]:
        """Estimate the magnitude at each sample.

        Args:
            x: preprocessed windows, shape ``(B, 3, N)``.
            amplitude: with ``amplitude_features``, shape ``(B, N_AMPLITUDE)``; None: the unit of
                all windows is not known. It is added to the coarsest map at all times alike.

        Returns:
            Shape ``(B, N)``, magnitude units; the window's magnitude is the mean over time (or
            ``config.readout``). In
            training with ``deep_supervision`` a tuple of such, one for each decoder stage, finest
            first. A coarser output is interpolated linearly to N.
        """
        maps = self.encoder(x)
        if self.config.amplitude_features:
            maps[-1] = maps[-1] + self.amplitude(given_or_unknown(amplitude, x))[:, :, None]
        outputs = [_to_length(y, x.shape[-1]) for y in self.decoder(maps)]
        return tuple(outputs) if self.config.deep_supervision and self.training else outputs[0]


def _to_length(y: Tensor, length: int) -> Tensor:
    if y.shape[-1] != length:
        y = functional.interpolate(y, size=length, mode="linear")
    return y.squeeze(1)

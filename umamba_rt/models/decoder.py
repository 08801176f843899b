"""V1's decoder: from the coarsest map back to an estimate for each sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from umamba_rt.models.blocks import UpsampleLayer, res_stage
from umamba_rt.models.config import V1Config


class UMambaDecoder(nn.Module):
    """Upsample, join the encoder's map of that length, residual blocks; a 1x1 head.

    With ``stem_skip`` there are as many stages as in the encoder and the last joins the stem's map.
    Without it, the earlier form, there is one fewer and the last joins nothing. That form keeps the
    head of every stage in its files, used or not; the new form has the unused ones only with
    ``deep_supervision``. A head's name carries the number of its stage in both.

    Arguments are those of `V1Config`, where they are described; lists may be given as one number.

    Raises:
        ValueError: an argument is not usable; all such are listed.
    """

    def __init__(
        self,
        n_stages: int = 4,
        features_per_stage: int | Sequence[int] = (8, 16, 32, 64),
        kernel_size: int = 7,
        strides: int | Sequence[int] = (2, 2, 2, 2),
        n_conv_per_stage_decoder: int | Sequence[int] = 2,
        deep_supervision: bool = False,
        *,
        stem_skip: bool = True,
    ) -> None:
        super().__init__()
        given = {
            "n_stages": n_stages,
            "features_per_stage": features_per_stage,
            "kernel_size": kernel_size,
            "strides": strides,
            "n_conv_per_stage_decoder": n_conv_per_stage_decoder,
            "deep_supervision": deep_supervision,
            "stem_skip": stem_skip,
        }
        self._fill(V1Config.from_dict(given))

    @classmethod
    def from_config(cls, config: V1Config) -> Self:
        """Make the decoder of a model."""
        return cls(
            config.n_stages,
            config.features_per_stage,
            config.kernel_size,
            config.strides,
            config.n_conv_per_stage_decoder,
            config.deep_supervision,
            stem_skip=config.stem_skip,
        )

    def _fill(self, config: V1Config) -> None:
        # Index k: the encoder's map k, 0 the stem's.
        widths = (config.features_per_stage[0], *config.features_per_stage)
        self.deep_supervision, self.stem_skip = config.deep_supervision, config.stem_skip
        count = config.n_decoder_stages
        upsample_layers, stages, heads = [], [], {}
        for s in range(count):
            below, skip = widths[config.n_stages - s], widths[config.n_stages - s - 1]
            factor = config.strides[config.n_stages - s - 1]
            upsample_layers.append(UpsampleLayer(below, skip, factor))
            stages.append(
                res_stage(
                    2 * skip if self._joins(s, count) else skip,
                    skip,
                    config.kernel_size,
                    stride=1,
                    n_blocks=config.n_conv_per_stage_decoder[s],
                )
            )
            if s == count - 1 or config.deep_supervision or not config.stem_skip:
                heads[str(s)] = nn.Conv1d(skip, 1, 1)
        # The order of the existing checkpoints.
        self.stages, self.upsample_layers = nn.ModuleList(stages), nn.ModuleList(upsample_layers)
        self.seg_layers = nn.ModuleDict(heads)

    def _joins(self, stage: int, count: int) -> bool:
        return self.stem_skip or stage < count - 1

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return estimates, finest first.

        Args:
            maps: of the encoder, the stem's first.

        Returns:
            Shapes ``(B, 1, length)``: one, or one for each stage in training with deep supervision.
        """
        x, count = maps[-1], len(self.stages)
        every = self.deep_supervision and self.training
        outputs = []
        for s, (upsample, stage) in enumerate(zip(self.upsample_layers, self.stages, strict=True)):
            x = upsample(x)
            if self._joins(s, count):
                skip = maps[-2 - s]
                x = torch.cat((crop(x, skip.shape[-1]), skip), dim=1)
            x = stage(x)
            if every or s == count - 1:
                outputs.append(self.seg_layers[str(s)](x))
        return outputs[::-1]


def crop(x: Tensor, length: int) -> Tensor:
    """Cut the last axis to ``length``: of a surplus d, d // 2 on the left, the rest on the right.

    Rounding up at each stride makes the upsampled map as long as the encoder's or longer.
    """
    left = (x.shape[-1] - length) // 2
    return x[..., left : left + length]

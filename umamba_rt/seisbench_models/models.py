"""UMamba V1 and V2 that are SeisBench models, too."""

from __future__ import annotations

import copy
from typing import ClassVar, Self

import torch
from obspy import Stream
from seisbench.util import ClassifyOutput
from torch import Tensor

from umamba_rt.core.estimate import ModelName
from umamba_rt.core.timebase import RATE_HZ
from umamba_rt.models.config import V1Config, V2Config
from umamba_rt.models.readout import magnitude_of
from umamba_rt.models.umamba_v1 import UMambaV1
from umamba_rt.models.umamba_v2 import UMambaV2
from umamba_rt.seisbench_models.waveform_model import MagnitudeModel, PreparedBatch

_CURVE_HOP = 10 * RATE_HZ
_STRIDE = ("Samples between the starts of two windows that have one magnitude each", RATE_HZ)


class UMambaMagV2(UMambaV2, MagnitudeModel):
    """UMamba V2; its annotation is the magnitude of each window, at the window's end.

    Args:
        config: the attributes of `V2Config`, by name.

    Raises:
        ValueError: an argument is not usable; all such are listed.
    """

    architecture: ClassVar[ModelName] = "v2"
    _annotate_args = MagnitudeModel._annotate_args | {"stride": _STRIDE}

    def __init__(self, **config: object) -> None:
        checked = V2Config.from_dict(config)
        super().__init__(**checked.to_dict())  # type: ignore[arg-type]  # the config has checked
        self._adapt(checked, "point", checked.in_samples - 1)

    def forward(self, x: Tensor | PreparedBatch, amplitude: Tensor | None = None) -> Tensor:
        """Estimate the magnitude of each window, shape ``(B,)``; see `UMambaV2.forward`."""
        if isinstance(x, PreparedBatch):
            return super().forward(x.samples, x.amplitude)
        return super().forward(x, amplitude)

    def annotate_batch_post(
        self,
        batch: Tensor,
        piggyback: object,  # noqa: ARG002
        argdict: dict[str, object],  # noqa: ARG002
    ) -> Tensor:
        """Reshape ``(B,)`` to ``(B, 1)``."""
        return batch.reshape(-1, 1)

    def hop(self, argdict: dict[str, object]) -> int:
        """Samples between the starts of two windows: ``stride``."""
        return self._stride(argdict)


class UMambaMagV1(UMambaV1, MagnitudeModel):
    """UMamba V1; its annotation is the magnitude at each sample, of all windows that hold it.

    ``classify`` reads one magnitude off each window's own curve: its mean over time, or what the
    config's ``readout`` says.

    Args:
        config: the attributes of `V1Config`, by name.

    Raises:
        ValueError: an argument is not usable; all such are listed.
    """

    architecture: ClassVar[ModelName] = "v1"
    _annotate_args = MagnitudeModel._annotate_args | {
        "stride": _STRIDE,
        "overlap": (
            "Overlap of the windows of a curve: below 1 a part of the window, else samples; None: "
            "all but 10 s of the window",
            None,
        ),
        "stacking": ("How the curves of overlapping windows are joined: avg or max", "avg"),
        "blinding": ("Samples to discard at the begin and the end of each window's curve", (0, 0)),
    }

    def __init__(self, **config: object) -> None:
        checked = V1Config.from_dict(config)
        super().__init__(**checked.to_dict())  # type: ignore[arg-type]  # the config has checked
        self._readout = checked.readout
        self._adapt(checked, "array", (0, checked.in_samples))

    def by_window(self) -> Self:
        """The same weights as a model whose annotation is one magnitude for each window, as V2's.

        It shares its tensors with this one.
        """
        if self.output_type == "point":
            return self
        twin = copy.copy(self)
        twin.output_type, twin.pred_sample = "point", self.in_samples - 1
        return twin

    def classify(self, stream: Stream, **arguments: object) -> ClassifyOutput:
        """Join the magnitudes of all windows; see `MagnitudeModel.classify_aggregate`."""
        return super(UMambaMagV1, self.by_window()).classify(stream, **arguments)

    async def classify_async(self, stream: Stream, **arguments: object) -> ClassifyOutput:
        """As ``classify``."""
        work = super(UMambaMagV1, self.by_window()).classify_async(stream, **arguments)
        return await work

    def forward(
        self, x: Tensor | PreparedBatch, amplitude: Tensor | None = None
    ) -> Tensor | tuple[Tensor, ...]:
        """Estimate the magnitude at each sample, shape ``(B, N)``; see `UMambaV1.forward`."""
        if isinstance(x, PreparedBatch):
            return super().forward(x.samples, x.amplitude)
        return super().forward(x, amplitude)

    def annotate_batch_post(
        self,
        batch: Tensor,
        piggyback: object,  # noqa: ARG002
        argdict: dict[str, object],
    ) -> Tensor:
        """Transpose to (batch, samples, channels), shape ``(B, N, 1)``; by window ``(B, 1)``."""
        if self.output_type == "point":
            return torch.from_numpy(magnitude_of(batch.cpu().numpy(), self._readout))[:, None]
        curves = batch[:, None, :].transpose(1, 2)
        first, last = self._blinding(argdict)
        if first or last:
            place = torch.arange(self.in_samples, device=curves.device)[None, :, None]
            blind = (place < first) | (place >= self.in_samples - last)
            curves = curves.masked_fill(blind, torch.nan)
        return curves

    def hop(self, argdict: dict[str, object]) -> int:
        """Samples between the starts of two windows: what ``overlap`` leaves, or ``stride``."""
        if self.output_type == "point":
            return self._stride(argdict)
        stacking = self._argument(argdict, "stacking")
        if stacking not in ("avg", "max"):
            raise ValueError(f"stacking: found {stacking!r}, expected one of avg, max")
        return self.in_samples - self._get_overlap(self.in_samples, argdict)

    def _blinding(self, argdict: dict[str, object]) -> tuple[int, int]:
        found = self._argument(argdict, "blinding")
        match found:
            case (int(first), int(last)) if min(first, last) >= 0:
                if first + last < self.in_samples:
                    return first, last
        expected = f"two numbers of samples, together below {self.in_samples}"
        raise ValueError(f"blinding: found {found!r}, expected {expected}")

    def _get_overlap(self, in_samples: int, argdict: dict[str, object]) -> int:
        """Overlap in samples; SeisBench asks for it as well, after ``hop`` has checked it."""
        overlap = self._argument(argdict, "overlap")
        if overlap is None:
            return max(0, in_samples - _CURVE_HOP)
        if isinstance(overlap, int | float) and 0 <= overlap < in_samples:
            return int(overlap * in_samples if overlap < 1 else overlap)
        raise ValueError(f"overlap: found {overlap!r}, expected 0 to below {in_samples}")

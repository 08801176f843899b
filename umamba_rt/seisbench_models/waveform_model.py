"""What both models need to be a SeisBench model: windows in, annotations and a magnitude out."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import seisbench
import seisbench.models
import torch
from obspy import Stream, Trace, UTCDateTime
from seisbench.models.utils import (
    GroupedTraceData,
    PredictionSegment,
    PredictionsStacked,
    TraceSegment,
)
from seisbench.util import ClassifyOutput
from torch import Tensor

from umamba_rt.core.calibration import Calibration
from umamba_rt.core.inventory import EMPTY, Inventory
from umamba_rt.core.preprocess import prepare
from umamba_rt.core.rotate import Frame
from umamba_rt.core.timebase import RATE_HZ, ceil_to, index_ns, nearest_index
from umamba_rt.models.config import UMambaConfig
from umamba_rt.models.facts import COMPONENT_ORDER
from umamba_rt.seisbench_models.failure import told, unless_failed
from umamba_rt.seisbench_models.grid_rate import at_grid_rate
from umamba_rt.seisbench_models.sensors import Sensor, SensorGrouping
from umamba_rt.seisbench_models.summary import Series, join, series_of, summarise
from umamba_rt.seisbench_models.weights import PackagedWeights

_CITATION = "UMamba V1 and V2 for magnitude estimation, as built in umamba-rt"


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """What ``annotate_batch_pre`` gives to ``forward``.

    No tuple: of a tuple SeisBench keeps the second part back.

    Attributes:
        samples: shape ``(B, 3, N)``, order Z N E, normalised.
        amplitude: shape ``(B, N_AMPLITUDE)``; None for a model that does not ask for it.
    """

    samples: Tensor
    amplitude: Tensor | None


class MagnitudeModel(PackagedWeights):
    """The SeisBench half of `UMambaMagV1` and `UMambaMagV2`.

    Attributes:
        known: what is known of the sensors: an inventory, or one calibration for all of them. The
            argument ``known`` of ``annotate`` and ``classify`` goes before it.

    Source: SeisBench 0.12, seisbench/models/base.py, phasenet.py and gpd.py, read, not copied.
    """

    # Not zerophase_resample: the package has one filter.
    _annotate_args = {  # SeisBench reads it by this name and as a dict
        key: seisbench.models.WaveformModel._annotate_args[key]
        for key in ("strict", "flexible_horizontal_components")
    } | {
        "strict": (
            "If true, only annotate where all components are there; otherwise zeros stand for what "
            "is missing, which the models were not trained on.",
            True,
        ),
        # More windows at once only push the maps out of the cache.
        "batch_size": ("Windows in one call of the model", 32),
        "known": ("An Inventory, or one Calibration for all sensors; None: the model's own", None),
        "aggregate": ("How classify joins a sensor's windows: max, median or last", "max"),
    }

    def __init__(self) -> None:
        # Called by the model's own constructor, which makes the config; ``_adapt`` takes it over.
        super().__init__(
            citation=_CITATION,
            component_order=COMPONENT_ORDER,
            sampling_rate=RATE_HZ,
            grouping=SensorGrouping(),
        )
        self.known: Inventory | Calibration = EMPTY

    def _adapt(
        self, config: UMambaConfig, output_type: str, pred_sample: int | tuple[int, int]
    ) -> None:
        """Take over what the config says, and how SeisBench is to read the output.

        Raises:
            ValueError: the model wants windows that this package cannot cut.
        """
        found = config.sampling_rate, config.in_channels
        if found != (RATE_HZ, len(COMPONENT_ORDER)):
            expected = f"{RATE_HZ} Hz, {len(COMPONENT_ORDER)} components"
            raise ValueError(f"found {found[0]:g} Hz, {found[1]} components, expected {expected}")
        self._wants = config
        self.in_samples, self.output_type = config.in_samples, output_type
        self.pred_sample = pred_sample

    @abstractmethod
    def hop(self, argdict: dict[str, object]) -> int:
        """Samples between the starts of two windows, by the arguments of ``annotate``."""

    def get_model_args(self) -> dict[str, object]:
        """The constructor's arguments, for SeisBench's ``save`` and ``load``."""
        return self._wants.to_dict()

    def annotate(self, stream: Stream, copy: bool = True, **arguments: object) -> Stream:
        """Annotate a stream; see the class for what the annotation is.

        Args:
            stream: counts of any sensors, at 20 to 500 Hz.
            copy: leave ``stream`` as it is.
            arguments: those that ``_annotate_args`` describes.

        Raises:
            ValueError: an argument is not usable.
            TypeError: ``known`` is neither an inventory nor a calibration.
        """
        annotations: Stream = super().annotate(stream, copy=copy, **arguments)
        return annotations

    async def annotate_async(
        self, stream: Stream, copy: bool = True, **arguments: object
    ) -> Stream:
        """As ``annotate``."""
        work = super().annotate_async(stream, copy=copy, **arguments)
        annotations: Stream = await unless_failed(work)
        return annotations

    def classify(self, stream: Stream, **arguments: object) -> ClassifyOutput:
        """Join the magnitudes of all windows of a stream; see ``classify_aggregate``."""
        return super().classify(stream, **arguments)

    def annotate_stream_pre(self, stream: Stream, argdict: dict[str, object]) -> Stream:  # noqa: ARG002
        """Bring all traces to 100 Hz, each side of a masked gap by itself."""
        stream.traces = list(at_grid_rate(stream.split()))
        return stream

    def stream_to_array(
        self, traces: Sequence[Trace], argdict: dict[str, object]
    ) -> GroupedTraceData:
        """Order a sensor's traces as Z N E, from the first multiple of the hop since 1970 UTC on.

        So the windows are the daemon's.
        """
        with told():
            return self._on_grid(super().stream_to_array(traces, argdict), traces, argdict)

    def _on_grid(
        self, group: GroupedTraceData, traces: Sequence[Trace], argdict: dict[str, object]
    ) -> GroupedTraceData:
        flexible = self._argument(argdict, "flexible_horizontal_components")
        sensor = Sensor.of(traces, self._build_comp_dict(traces, flexible)[0])
        index = nearest_index(group.start_time.ns)
        first = ceil_to(index, self.hop(argdict))
        unit = sensor.frame(self._known(argdict), index_ns(first)).calibration.unit
        if self._wants.amplitude_features and unit == "counts":
            seisbench.logger.warning(
                f"{sensor.name}: no sensitivity is known; the model does without the amplitude"
            )
        return group._replace(
            data=group.data[..., first - index :],
            start_time=UTCDateTime(ns=index_ns(first)),
            stations=[str(sensor)],
        )

    def _stride(self, argdict: dict[str, object]) -> int:
        stride = self._argument(argdict, "stride")
        if not isinstance(stride, int) or stride < 1:
            raise ValueError(f"stride: found {stride!r}, expected a whole number of samples")
        return stride

    def _argument(self, argdict: dict[str, object], key: str) -> object:
        """An argument of ``annotate``, or its default."""
        return argdict.get(key, self._annotate_args[key][1])

    def _known(self, argdict: dict[str, object]) -> Inventory | Calibration:
        given = argdict.get("known")
        if given is None:
            return self.known
        if not isinstance(given, Inventory | Calibration):
            raise TypeError(f"known: found {type(given)}, expected an Inventory or a Calibration")
        return given

    def _predict_windows(
        self, segments: list[TraceSegment], argdict: dict[str, object]
    ) -> list[PredictionSegment]:
        """Tell ``annotate_batch_pre`` the sensor of each window, which SeisBench does not."""
        with told():
            frames = [self._frame(segment, self._known(argdict)) for segment in segments]
            predicted: list[PredictionSegment] = super()._predict_windows(
                segments, argdict | {"frames": frames}
            )
        return predicted

    @staticmethod
    def _frame(segment: TraceSegment, known: Inventory | Calibration) -> Frame:
        last = segment.window_offset + segment.in_samples - 1
        end_ns = index_ns(nearest_index(segment.start_time.ns) + last)
        return Sensor.parse(segment.stations[0]).frame(known, end_ns)

    def annotate_batch_pre(self, batch: Tensor, argdict: dict[str, object]) -> PreparedBatch:
        """Turn raw windows to Z N E and prepare them as everywhere in this package.

        Args:
            batch: shape ``(B, 3, N)``, counts at 100 Hz.
            argdict: ``frames`` has the sensor's frame of each window; without it nothing is turned
                and ``known`` holds, if it is a calibration.
        """
        frames = argdict.get("frames")
        if not isinstance(frames, list):
            frames = [Sensor("", COMPONENT_ORDER).frame(self._known(argdict), 0)] * len(batch)
        raw = batch.detach().cpu().numpy()
        windows = np.stack([frame.turn(x) for frame, x in zip(frames, raw, strict=True)])
        calibrations = [frame.calibration for frame in frames]
        wants = self._wants.amplitude_features
        made = prepare(windows, calibrations, self._wants.norm, amplitude=wants)
        amplitude = None if made.amplitude is None else torch.from_numpy(made.amplitude)
        samples = torch.from_numpy(made.samples).to(batch.device)
        return PreparedBatch(samples, None if amplitude is None else amplitude.to(batch.device))

    def _predictions_to_stream(self, prediction: PredictionsStacked) -> Stream:
        """One trace; its ``stats.sensor`` says which sensor and components it is of.

        Not SeisBench's own, which fails where there is one window.
        """
        name = str(prediction.stations[0])
        network, station, location, band_source = name.split(".")[:4]
        values = prediction.data[:, 0]
        there = np.flatnonzero(np.isfinite(values))
        if not len(there):
            return Stream()
        header = {
            "network": network,
            "station": station,
            "location": location,
            "channel": f"{self.name}_{band_source}",
            "sampling_rate": prediction.sampling_rate,
            "starttime": prediction.start_time + there[0] / prediction.sampling_rate,
            "sensor": name,
        }
        return Stream([Trace(values[there[0] : there[-1] + 1].copy(), header)])

    def classify_aggregate(self, annotations: Stream, argdict: dict[str, object]) -> ClassifyOutput:
        """Join each sensor's windows to one magnitude, and the sensors' by their median.

        Returns:
            ``magnitude``: NaN where no sensor has one; ``sensors``: a `SensorMagnitude` each.

        Raises:
            ValueError: the argument ``aggregate`` is none that there is.
        """
        parts: dict[str, list[Series]] = {}
        for trace in annotations:
            parts.setdefault(trace.stats.sensor, []).append(series_of(trace, self.hop(argdict)))
        how, known = self._argument(argdict, "aggregate"), self._known(argdict)
        found = [summarise(Sensor.parse(key), known, join(of), how) for key, of in parts.items()]
        sensors = [one for one in found if one is not None]
        magnitude = float(np.median([one.magnitude for one in sensors])) if sensors else math.nan
        return ClassifyOutput(self.name, magnitude=magnitude, sensors=sensors)

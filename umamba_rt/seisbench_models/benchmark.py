"""How long ``annotate`` takes, for whoever measures it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from obspy import Stream, Trace, UTCDateTime

from umamba_rt.core.timebase import RATE_HZ
from umamba_rt.seisbench_models.waveform_model import MagnitudeModel


@dataclass(frozen=True, slots=True)
class AnnotateTiming:
    """One call of ``annotate``.

    Attributes:
        windows: how many windows were estimated.
        elapsed_s: of the whole call, with grouping, preparation and stacking.
    """

    windows: int
    elapsed_s: float

    @property
    def windows_per_s(self) -> float:
        """Windows in a second of the call."""
        return self.windows / self.elapsed_s


def station_stream(seconds: float = 3600.0, seed: int = 0) -> Stream:
    """Noise of 1,000 counts on three components at 100 Hz, the same for the same seed."""
    rng = np.random.default_rng(seed)
    header = {
        "network": "AA",
        "station": "ONE",
        "sampling_rate": float(RATE_HZ),
        "starttime": UTCDateTime(ns=1_600_000_000 * 10**9),
    }
    n = round(seconds * RATE_HZ) + 1
    return Stream(
        Trace(rng.normal(0, 1000, n).astype(np.int32), header | {"channel": f"HH{component}"})
        for component in "ZNE"
    )


def time_annotate(model: MagnitudeModel, stream: Stream, **arguments: object) -> AnnotateTiming:
    """Time one call; the caller repeats it, and drops the first, which compiles the scan.

    Args:
        model: either model.
        stream: as for ``annotate``.
        arguments: of ``annotate``.
    """
    started_s = time.perf_counter()
    annotations = model.annotate(stream, copy=True, **arguments)
    elapsed_s = time.perf_counter() - started_s
    hop = model.hop(model.default_args | arguments)
    curves = model.output_type == "array"
    windows = sum(
        (len(trace) - model.in_samples) // hop + 1 if curves else len(trace)
        for trace in annotations
    )
    return AnnotateTiming(windows, elapsed_s)

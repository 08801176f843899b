"""Traces of any rate brought to 100 Hz by the filter that live data go through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import seisbench
from obspy import Trace, UTCDateTime

from umamba_rt.core.rate import HIGHEST_HZ, LOWEST_HZ, nominal_rate
from umamba_rt.core.resample import Resampler
from umamba_rt.core.timebase import RATE_HZ, index_ns


def at_grid_rate(traces: Iterable[Trace]) -> Iterator[Trace]:
    """Give each trace at 100 Hz; one of a rate outside of 20 to 500 Hz is left out and named.

    SeisBench's own resampling is a Fourier transform of the whole trace: its numbers depend on
    where the trace ends, and they are not the daemon's.
    """
    for trace in traces:
        rate_hz = nominal_rate(float(trace.stats.sampling_rate))
        if rate_hz is None:
            seisbench.logger.warning(
                f"{trace.id} left out: {trace.stats.sampling_rate:g} Hz, "
                f"expected {LOWEST_HZ} to {HIGHEST_HZ} Hz"
            )
            continue
        if rate_hz != RATE_HZ:
            resampler = Resampler(rate_hz, trace.stats.starttime.ns)
            trace.stats.starttime = UTCDateTime(ns=index_ns(resampler.next_index))
            trace.data = np.concatenate((resampler.push(trace.data), resampler.finish()))
        # A header's 99.9998 Hz means 100.
        trace.stats.sampling_rate = float(RATE_HZ)
        yield trace

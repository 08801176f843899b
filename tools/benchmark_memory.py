"""What a station takes in memory: rings and all bookkeeping of the core, at many stations."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from tools.processes import resident_bytes
from umamba_rt.core.ids import SourceId
from umamba_rt.core.pipeline import Pipeline, PipelineSettings
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S, RATE_HZ

START_NS = 1_600_000_000 * NS_PER_S
_SECONDS = 4


@dataclass(frozen=True, slots=True)
class StationMemory:
    """Of one station.

    Attributes:
        stations: how many there were.
        allocated_kb: what Python and numpy allocated, kB.
        resident_kb: what the process's resident memory grew by, kB.
    """

    stations: int
    allocated_kb: float
    resident_kb: float


def measure_memory(stations: int) -> StationMemory:
    """Give that many stations records of the usual kind and look at the memory.

    The rings are filled whole: a page that nobody wrote to takes no memory.
    """
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 1000, _SECONDS * RATE_HZ).astype(np.int32)
    whole = PipelineSettings().capacity
    long = rng.normal(0, 1000, whole).astype(np.int32)
    pipeline = Pipeline(PipelineSettings(max_future_s=None, max_stations=stations))
    gc.collect()
    before_kb = resident_bytes() / 1000
    tracemalloc.start()
    allocated = tracemalloc.get_traced_memory()[0]
    for number in range(stations):
        first_ns = START_NS + number % 100 * 37_000_000
        for component in "ZNE":
            source_id = SourceId("XX", f"S{number:05}", "", "H", "H", component)
            segment = Segment(source_id, first_ns, float(RATE_HZ), long)
            pipeline.accept(segment, segment.end_ns)
            later = replace(segment, start_ns=segment.end_ns + 10_000_000, samples=samples)
            pipeline.accept(later, later.end_ns)
    gc.collect()
    allocated = tracemalloc.get_traced_memory()[0] - allocated
    tracemalloc.stop()
    grown_kb = resident_bytes() / 1000 - before_kb
    if len(pipeline.sensors) != stations:
        raise SystemExit(f"{len(pipeline.sensors)} of {stations} stations")
    return StationMemory(
        stations, round(allocated / 1000 / stations, 1), round(grown_kb / stations, 1)
    )

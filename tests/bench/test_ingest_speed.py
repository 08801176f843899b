"""What ingest costs: ratios, memory, and records a second of processor time."""

from __future__ import annotations

import gc
import math
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from tests.support import START_NS, records_of
from umamba_rt.core.ids import SourceId
from umamba_rt.core.pipeline import Pipeline, PipelineSettings
from umamba_rt.core.reasons import Reason
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.ingest import DataClock, Ingest
from umamba_rt.wire.mseed import decode_record

# A sixth of an hour, with gaps as dense as 10,000 in an hour.
LENGTH_S = 600
GAPS = 1667
USUAL_RECORDS = 150
REPLAY = PipelineSettings(max_future_s=None)


def stream(rate_hz: float, records: int, missing: int) -> list[Segment]:
    """Three components in ``records`` pieces each, that many samples after each lost."""
    rng = np.random.default_rng(0)
    total = round(LENGTH_S * rate_hz)
    bounds = np.linspace(0, total, records + 1).astype(int).tolist()
    found = []
    for component in "ZNE":
        source_id = SourceId("AA", "ONE", "", "H", "H", component)
        samples = rng.normal(0, 1000, total).astype(np.int32)
        for begin, end in pairwise(bounds):
            start_ns = START_NS + round(begin * NS_PER_S / rate_hz)
            found.append(Segment(source_id, start_ns, rate_hz, samples[begin : end - missing]))
    return sorted(found, key=lambda segment: segment.end_ns)


def cut(segments: list[Segment]) -> Pipeline:
    pipeline = Pipeline(REPLAY)
    second = 0
    for segment in segments:
        pipeline.accept(segment, segment.end_ns)
        if segment.end_ns // NS_PER_S != second:
            second = segment.end_ns // NS_PER_S
            pipeline.tick(segment.end_ns)
    return pipeline


def cpu_s(*works: Callable[[], object], rounds: int = 2) -> list[float]:
    """Least processor time of some rounds for each, s; in turns, so that a neighbour slows all."""
    least = [math.inf] * len(works)
    for _ in range(rounds):
        for number, work in enumerate(works):
            begin_s = time.process_time()
            work()
            least[number] = min(least[number], time.process_time() - begin_s)
    return least


# At 200 Hz a gap's missing sample withholds few windows: most are filled and sent besides. It costs
# 2.9 times; a neighbour on the core moves that by a tenth.
@pytest.mark.parametrize(("rate_hz", "most"), [(100.0, 3), (50.0, 3), (20.0, 3), (200.0, 4)])
def test_ten_thousand_gaps_an_hour_cost_at_most_three_times_none(rate_hz: float, most: int) -> None:
    gappy, whole = stream(rate_hz, GAPS, 1), stream(rate_hz, GAPS, 0)
    usual = stream(rate_hz, USUAL_RECORDS, 0)
    counts = cut(gappy).counts
    assert counts[Reason.WITHHELD_GAP] + counts[Reason.FILLED] > 500
    assert cut(whole).counts[Reason.CUT] > 500
    works = [partial(cut, run) for run in (gappy, whole, usual)]
    gappy_s, whole_s, usual_s = cpu_s(*works, rounds=5)
    print(f"{rate_hz:g} Hz: {gappy_s / whole_s:.2f} times the same cuts without gaps", end=", ")
    print(f"{gappy_s / usual_s:.2f} times records of 4 s")
    assert gappy_s < 3 * whole_s
    assert gappy_s < most * usual_s


def test_thousand_rings_take_at_most_150_kb_a_station() -> None:
    segments = [decode_record(r.payload, source="bench") for r in records_of(seconds=5)]
    pipeline = Pipeline(REPLAY)
    stations = 1000
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for segment in segments:
        for number in range(stations):
            source_id = replace(segment.source_id, station=f"S{number:03}")
            pipeline.accept(replace(segment, source_id=source_id), segment.end_ns)
    gc.collect()
    each = (tracemalloc.get_traced_memory()[0] - before) / stations
    tracemalloc.stop()
    print(f"{each / 1000:.1f} kB a station")
    assert len(pipeline.sensors) == stations
    assert each < 150_000


def test_records_are_decoded_placed_and_cut_at_speed() -> None:
    records = [
        record
        for number in range(13)
        for record in records_of(f"AA_S{number:02}", seconds=90, seed=number)
    ]
    payloads = [record.payload for record in sorted(records, key=lambda record: record.end_ns)]

    def replay() -> Ingest:
        ingest = Ingest(Pipeline(REPLAY), DataClock())
        for payload in payloads:
            ingest.record(payload, source="bench")
        return ingest

    assert replay().pipeline.counts[Reason.CUT] >= 13 * 60
    # 5,000 are asked for; a neighbour that takes turns on the core's caches halves what there is.
    speed = len(payloads) / cpu_s(replay)[0]
    print(f"{speed:.0f} records a second of processor time")
    assert speed > 2500

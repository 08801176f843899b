"""Every single flipped bit of a record's header, through decoder and core."""

from __future__ import annotations

import numpy as np

from tests.support import records_of
from umamba_rt.core.ids import GroupId
from umamba_rt.core.pipeline import Pipeline, PipelineSettings
from umamba_rt.core.window import Window
from umamba_rt.errors import RecordError
from umamba_rt.ingest import DataClock, Ingest

HEADER_BYTES = 64  # miniSEED 2: fixed header and two blockettes
# No checksum covers when a record's samples were taken: minutes, seconds and fraction, number of
# samples, rate factor and multiplier, activity flags, and the time correction.
TIMING = {*range(20, 37), *range(40, 44)}
RECORDS = [record.payload for record in records_of(seconds=34)]
STRUCK = len(RECORDS) // 2
Windows = dict[tuple[GroupId, int], Window]


def windows_of(payloads: list[bytes]) -> tuple[Windows, Ingest]:
    ingest = Ingest(Pipeline(PipelineSettings(max_future_s=None)), DataClock())
    windows: Windows = {}
    for payload in payloads:
        try:
            outcome = ingest.record(payload, source="test")
        except RecordError:
            continue
        for window in outcome.windows:
            assert (window.group, window.first) not in windows, "a window was cut twice"
            windows[window.group, window.first] = window
    return windows, ingest


def test_flipped_header_bit_changes_samples_by_their_time_alone_and_ends_nothing() -> None:
    expected, _ = windows_of(RECORDS)
    refused = changed = 0
    assert len(expected) > 3
    for bit in range(8 * HEADER_BYTES):
        damaged = bytearray(RECORDS[STRUCK])
        damaged[bit // 8] ^= 1 << bit % 8
        windows, ingest = windows_of([*RECORDS[:STRUCK], bytes(damaged), *RECORDS[STRUCK + 1 :]])
        refused += ingest.records_refused
        different = [
            name
            for name, window in windows.items()
            if name in expected
            and window.quality.complete
            and not np.array_equal(window.samples, expected[name].samples)
        ]
        changed += bool(different)
        assert not different or bit // 8 in TIMING, f"byte {bit // 8}, bit {bit % 8}"
    assert refused > 100
    assert changed < 40

#!/usr/bin/env python3
"""Damaged records through the decoder and the core: nothing may escape, hang, grow or be lost.

Among the damaged ones runs the stream of a station that nothing is done to. Its windows must be
those that it has alone; by a replay's clock, which the data move, a few may come incomplete. Half
of the records go through a live clock, half through a replay's, by turns of 2,000. The run prints
its seed; the same seed gives the same records.

    nice -n 10 tools/fuzz_records.py --count 1000000
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import random
import secrets
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from pymseed import MS3Record

from tools.processes import resident_bytes
from tools.record_mutations import mutate
from tools.sound_records import sound_records
from umamba_rt.core.ids import SourceId
from umamba_rt.core.pipeline import Pipeline, PipelineSettings
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.core.window import Window
from umamba_rt.errors import RecordError
from umamba_rt.ingest import DataClock, Ingest
from umamba_rt.wire.record import ReplayRecord, pack_segment

START_NS = 1_600_000_000 * NS_PER_S
CLEAN = "CLEAN"
MAX_STATIONS = 200
STATION_BYTES = 150_000
# What the interpreter, numpy's caches and the held records may take besides.
SLACK_BYTES = 64_000_000
WORST_RECORD_S = 1.0
_HANG_S = 60
_TURN = 2000
_ROUND_S = 40  # a clean station's stream is this long, then both pipelines begin anew


class FuzzError(Exception):
    """Something that damaged records must not do."""


class StandingClock:
    """A wall clock that the clean stream moves."""

    follows_data = False
    step_ns = 0

    def __init__(self) -> None:
        self.time_ns = START_NS

    def observe(self, end_ns: int) -> None:
        """The data do not move it."""

    def now_ns(self) -> int:
        """Now, ns since 1970 UTC."""
        return self.time_ns

    latest_ns = utc_ns = now_ns


@dataclass(slots=True)
class Report:
    """What a run met with."""

    seed: int
    records: int = 0
    clean_records: int = 0
    decoded: int = 0
    refused: int = 0
    windows: int = 0
    clean_windows: int = 0
    clean_windows_lost_in_replay: int = 0
    most_stations: int = 0
    worst_record_ms: float = 0.0
    elapsed_s: float = 0.0
    records_per_s: float = 0.0
    rss_before_mb: float = 0.0
    rss_after_mb: float = 0.0
    refusals: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def fuzz(count: int, seed: int) -> Report:
    """Send ``count`` damaged records.

    Raises:
        FuzzError: an exception escaped, a record took over a second, a window came twice or holds
            no number, a clean station lost a window, or the memory grew past its bound.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return _fuzz(count, seed)
        finally:
            faulthandler.cancel_dump_traceback_later()


def _fuzz(count: int, seed: int) -> Report:
    report = Report(seed)
    chooser = random.Random(seed)
    pool, clean = sound_records(START_NS), _clean_stream()
    expected = _contents(_alone(clean))
    started_s = time.perf_counter()
    live = True
    while report.records < count:
        round_ = _Round(live, report, clean)
        for payload in _damaged(chooser, pool, min(_TURN, count - report.records)):
            round_.damaged(payload)
        round_.check(expected)
        if not report.rss_before_mb and not live:
            report.rss_before_mb = (
                resident_bytes() / 1e6
            )  # after one turn of each: all caches are filled
        live = not live
    report.elapsed_s = time.perf_counter() - started_s
    report.records_per_s = report.records / report.elapsed_s
    report.rss_after_mb = resident_bytes() / 1e6
    grown = report.rss_after_mb - (report.rss_before_mb or report.rss_after_mb)
    if grown * 1e6 > MAX_STATIONS * STATION_BYTES + SLACK_BYTES:
        raise FuzzError(f"seed {seed}: memory grew by {grown:.0f} MB")
    return report


class _Round:
    """A pipeline that gets damaged records between those of a clean station."""

    def __init__(self, live: bool, report: Report, clean: list[bytes]) -> None:
        self._live = live
        self._report = report
        self._clock = StandingClock()
        settings = PipelineSettings(
            max_future_s=30.0 if live else None, max_stations=MAX_STATIONS, length_s=10.0
        )
        self._ingest = Ingest(Pipeline(settings), self._clock if live else DataClock())
        self._clean = clean
        self._sent = 0
        self._windows: list[Window] = []
        self._newest: dict[str, int] = {}
        for payload in clean[:8]:  # the station is there before the limit is reached
            self._clean_record(payload)

    def damaged(self, payload: bytes) -> None:
        """Send a damaged record, and from time to time a clean one."""
        self._report.records += 1
        self._send(payload)
        due = 8 + self._report.records % _TURN * (len(self._clean) - 8) // _TURN
        while self._sent < due:
            self._clean_record(self._clean[self._sent])

    def check(self, expected: list[tuple[int, bytes]]) -> None:
        """Send the rest of the clean stream and compare its windows."""
        while self._sent < len(self._clean):
            self._clean_record(self._clean[self._sent])
        found = _contents([w for w in self._windows if w.quality.complete or self._live])
        lost = [content for content in expected if content not in found]
        changed = [content for content in found if content not in expected]
        # A replay's clock may be led a record and 10 s ahead, and a wait end early: a window is
        # then withheld or says that it is filled, but is never wrong.
        if changed or (self._live and lost):
            raise FuzzError(
                f"seed {self._report.seed}: at record {self._report.records} the clean station "
                f"lost {len(lost)} windows, and {len(changed)} are others"
            )
        self._report.clean_windows += len(found)
        self._report.clean_windows_lost_in_replay += len(lost)
        stations = len(self._ingest.pipeline.sensors)
        self._report.most_stations = max(self._report.most_stations, stations)
        for reason, n in self._ingest.pipeline.counts.items():
            self._report.counts[reason.value] = self._report.counts.get(reason.value, 0) + n

    def _clean_record(self, payload: bytes) -> None:
        self._sent += 1
        self._report.clean_records += 1
        self._clock.time_ns = max(self._clock.time_ns, MS3Record.parse(payload).endtime)
        self._send(payload)

    def _send(self, payload: bytes) -> None:
        started_s = time.process_time()  # a busy machine may keep a record waiting for seconds
        try:
            windows = self._ingest.record(payload, source="fuzz").windows
            self._report.decoded += 1
        except RecordError as error:
            windows = []
            self._report.refused += 1
            kind = _kind(error.reason)
            self._report.refusals[kind] = self._report.refusals.get(kind, 0) + 1
        except Exception as error:
            raise FuzzError(
                f"seed {self._report.seed}: {error!r} escaped at record "
                f"{self._report.records}: {payload.hex()}"
            ) from error
        if self._report.records % 500 == 0:
            windows = [*windows, *self._ingest.tick().windows]
            faulthandler.dump_traceback_later(_HANG_S, exit=True, file=2)
        took_s = time.process_time() - started_s
        self._report.worst_record_ms = max(self._report.worst_record_ms, took_s * 1000)
        if took_s > WORST_RECORD_S:
            raise FuzzError(f"seed {self._report.seed}: {took_s:.1f} s for {payload.hex()}")
        self._take(windows)

    def _take(self, windows: list[Window]) -> None:
        for window in windows:
            self._report.windows += 1
            name = str(window.group)
            if window.first <= self._newest.get(name, window.first - 1):
                raise FuzzError(f"seed {self._report.seed}: {name} {window.first} came again")
            self._newest[name] = window.first
            if not np.isfinite(window.samples).all():
                raise FuzzError(f"seed {self._report.seed}: {name} {window.first} has no number")
            if window.group.station == CLEAN:
                self._windows.append(window)


def _damaged(chooser: random.Random, pool: list[bytes], count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield mutate(chooser, chooser.choice(pool), chooser.choice(pool))


def _clean_stream() -> list[bytes]:
    """The records of three channels, in the order of their ends."""
    rng = np.random.default_rng(1)
    records: list[ReplayRecord] = []
    for code in "ZNE":
        samples = rng.normal(0, 1000, _ROUND_S * 100).astype(np.int32)
        source_id = SourceId("ZZ", CLEAN, "", "H", "H", code)
        records += pack_segment(Segment(source_id, START_NS, 100.0, samples))
    return [r.payload for r in sorted(records, key=lambda r: (r.end_ns, str(r.source_id)))]


def _alone(clean: list[bytes]) -> list[Window]:
    settings = PipelineSettings(max_future_s=None, length_s=10.0)
    ingest = Ingest(Pipeline(settings), DataClock())
    return [window for payload in clean for window in ingest.record(payload, source="").windows]


def _contents(windows: list[Window]) -> list[tuple[int, bytes]]:
    return [(window.first, window.samples.tobytes()) for window in windows]


def _kind(reason: str) -> str:
    """A reason without its numbers and names."""
    words = reason.replace("Error: ", "").split("::")[0]
    start = words.find(": ") + 2 if words.startswith(("FDSN:", "XFDSN:")) else 0
    return "".join("#" if c.isdigit() else c for c in words[start:])[:48].strip()


def main() -> int:
    """Run; prints the seed first and a JSON report last."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000, help="damaged records")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    try:
        report = asdict(fuzz(options.count, options.seed))
    except FuzzError:
        traceback.print_exc()
        return 70
    frequent = sorted(report["refusals"].items(), key=lambda item: -item[1])[:25]
    report["refusals"] = dict(frequent)
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())

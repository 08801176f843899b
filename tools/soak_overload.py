"""The soak's third phase: a live daemon that is sent three times what its engine can do."""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from tools.soak_archive import Slice
from tools.soak_scene import Scene, Setting
from tools.soak_trial import Trial
from umamba_rt.config.file import parse
from umamba_rt.config.whole import Config
from umamba_rt.core.pipeline import Pipeline
from umamba_rt.core.timebase import rfc3339
from umamba_rt.core.window import Window
from umamba_rt.engine.base import estimate
from umamba_rt.engines import make_engines
from umamba_rt.ingest import DataClock, Ingest
from umamba_rt.io.archive import read_archive

TIMES = 3.0
MAX_LATENCY_MS = 2000.0
MAX_UNFAIRNESS = 0.1
# Windows that a station may have more or less in a run too short for a tenth: turns are cut off at
# its ends.
_GRAIN = 12
# Somewhat more, since what the engine can do beside everything else is only known in the end.
_MARGIN = 1.2
_HOP_S = 0.1
_BATCH = 64
_MEASURED_S = 4.0
# Counts, in which an earthquake drowns: what matters is how many windows come, and when.
_NOISE = 1 << 27
# PyTorch on one thread: the other core is for server, sockets and subscriber.
_MORE = f"""
[window]
hop_s = {_HOP_S}
[model]
engine = "torch"
threads = 1
"""
Place = tuple[str, str]  # sensor, start


@dataclass(frozen=True, slots=True)
class Load:
    """What is replayed: for how long (of data, s), at how many times real time."""

    length_s: float
    speed: float


@dataclass(slots=True)
class Arrivals:
    """Takes windows until the newest of each sensor has come.

    Attributes:
        expected: every window that the data have.
        newest: of which the last one of each sensor.
        latencies_ms: from arrival to sending, of each that came.
        first_s, last_s: when the first and the last came, monotonic s.
        each: how many came of each sensor from when one of every sensor had come until the first
            sensor's newest came: those whose data go on for longer have the engine for themselves.
    """

    expected: frozenset[Place]
    newest: set[Place]
    came: Counter[Place] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    first_s: float = math.nan
    last_s: float = math.nan
    each: Counter[str] = field(default_factory=Counter)
    _begun: set[str] = field(default_factory=set)
    _sensors: int = 0

    def __post_init__(self) -> None:
        self._sensors = len(self.newest)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing at the end of any sensor."""
        return not self.newest

    def take(self, body: Mapping[str, Any]) -> bool:
        """Take a window."""
        place = ".".join(body["station"].values()), body["window_start"]
        self.last_s = time.monotonic()
        if not self.came:
            self.first_s = self.last_s
        self.came[place] += 1
        self.newest.discard(place)
        self._begun.add(place[0])
        if len(self._begun) == self._sensors == len(self.newest):
            self.each[place[0]] += 1
        self.latencies_ms.append(body["latency"]["processing_ms"])
        return self.came[place] == 1


def soak(folder: Path, records: Slice, load: Load) -> dict[str, object]:
    """Run it; the figures, and ``good``.

    Args:
        folder: empty; for everything that is written.
        records: what is replayed.
        load: how much of it.
    """
    config = parse(_MORE, {}, where="overload")
    capacity_hz = _capacity_hz(folder, records, config)
    stations = math.ceil(TIMES * _MARGIN * capacity_hz * _HOP_S / load.speed)
    archive = folder / "archive.mseed"
    begin_ns = time.time_ns() - round((load.length_s + 60) * 1e9)
    records.write(archive, stations, load.length_s, begin_ns=begin_ns, noise=_NOISE)
    expected, newest = set[Place](), dict[str, Place]()
    for window in _windows(archive, config):
        place = str(window.group), rfc3339(window.start_ns)
        expected.add(place)
        newest[place[0]] = place
    arrivals = Arrivals(frozenset(expected), set(newest.values()))
    (folder / "scene").mkdir()
    setting = Setting((str(archive),), f"{load.speed:g}", mode="live", more=_MORE)
    scene = Scene(folder / "scene", setting)
    trial = Trial(scene, arrivals)
    try:
        trial.run()
    finally:
        scene.close()
    offered_hz = stations * load.speed / _HOP_S
    return _report(arrivals, trial, len(newest), (capacity_hz, offered_hz))


def _report(
    arrivals: Arrivals, trial: Trial, sensors: int, rates_hz: tuple[float, float]
) -> dict[str, object]:
    capacity_hz, offered_hz = rates_hz
    done_hz = len(arrivals.came) / (arrivals.last_s - arrivals.first_s)
    mean = arrivals.each.total() / sensors
    unfairness = max(abs(count - mean) for count in arrivals.each.values()) / mean
    p50_ms, p99_ms = np.percentile(arrivals.latencies_ms, [50, 99])
    missing = len(arrivals.expected - arrivals.came.keys())
    dropped = trial.beat["counts"]["windows_dropped_overload"]
    doubled = arrivals.came.total() - len(arrivals.came)
    extra = len(arrivals.came.keys() - arrivals.expected)
    clean = not (doubled or extra or arrivals.newest) and missing == dropped
    return {
        "stations": sensors,
        "engine_alone_windows_per_s": round(capacity_hz, 1),
        "offered_windows_per_s": round(offered_hz, 1),
        "done_windows_per_s": round(done_hz, 1),
        "times": round(offered_hz / done_hz, 2),
        "windows_expected": len(arrivals.expected),
        "windows": len(arrivals.came),
        "missing": missing,
        "dropped_by_heartbeat": dropped,
        "extra": extra,
        "doubled": doubled,
        "stations_without_their_newest": len(arrivals.newest),
        "processing_ms_p50": round(float(p50_ms), 1),
        "processing_ms_p99": round(float(p99_ms), 1),
        "processing_ms_max": round(max(arrivals.latencies_ms), 1),
        "unfairness": round(unfairness, 3),
        "good": clean
        and len(arrivals.each) == sensors
        and offered_hz / done_hz >= TIMES
        and bool(p99_ms < MAX_LATENCY_MS)
        and unfairness <= max(MAX_UNFAIRNESS, _GRAIN / mean),
    }


def _capacity_hz(folder: Path, records: Slice, config: Config) -> float:
    """Windows a second that the engine alone can do, in batches of the usual size."""
    archive = folder / "capacity.mseed"
    records.write(archive, records.sensors, 40.0)
    batch = []
    for window in _windows(archive, config):
        batch.append(window)
        if len(batch) == _BATCH:
            break
    (engine,) = make_engines(config)
    samples = np.stack([window.samples for window in batch])
    calibrations = [window.calibration for window in batch]
    estimate(engine, samples, calibrations)  # whatever is compiled at the first call
    done, began_s = 0, time.perf_counter()
    while (passed_s := time.perf_counter() - began_s) < _MEASURED_S:
        estimate(engine, samples, calibrations)
        done += len(batch)
    return done / passed_s


def _windows(archive: Path, config: Config) -> Iterator[Window]:
    """All windows that the data of an archive have."""
    ingest = Ingest(Pipeline(config.pipeline), DataClock())
    for record in read_archive([archive]).records:
        yield from ingest.record(record.payload, source="archive").windows
    yield from ingest.finish().windows

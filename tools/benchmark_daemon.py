"""The whole daemon under a number of live stations: latency, processor time, memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.benchmark_processes import config_of, cpu_s, serving
from tools.benchmark_stations import Waveforms, write_archive
from tools.processes import Running, free_port, rss_mib, running
from umamba_rt.feed import FeedMessage, Subscriber

WINDOW_S = 30
# Beyond that until all stations send windows: they begin within 4 s, and records last as long.
SETTLE_S = 15


@dataclass(slots=True)
class DaemonRun:
    """One run; times of windows from the arrival of their last sample.

    Attributes:
        stations: live stations at 1 s hop.
        models: models that ran.
        measured_s: how long windows were counted, s.
        ready_s: from the start of the process to READY, s.
        windows: estimates of V2 received in this time.
        windows_v1: the same of V1.
        lost: windows between two of a station that did not come; V2.
        missed: messages that the subscriber missed.
        dropped: windows that the daemon dropped.
        dropped_v1: windows that V1 alone dropped.
        sent_ms: quantiles of ``latency.processing_ms`` of V2: to sending.
        received_ms: quantiles of V2, to reception, by the subscriber's own clock.
        sent_v1_ms: as ``sent_ms`` of V1; None without V1.
        cores: processor time of daemon (events included), server and subscriber, over the time.
        rss_mib: resident memory of the daemon at the end.
        load: the machine's load before the run, one minute.
        engine: what the daemon's log says of its engine.
    """

    stations: int
    models: list[str]
    measured_s: float
    ready_s: float = 0.0
    windows: int = 0
    windows_v1: int = 0
    lost: int = 0
    missed: int = 0
    dropped: int = 0
    dropped_v1: int = 0
    sent_ms: dict[str, float] = field(default_factory=dict)
    received_ms: dict[str, float] = field(default_factory=dict)
    sent_v1_ms: dict[str, float] | None = None
    cores: dict[str, float] = field(default_factory=dict)
    rss_mib: float = 0.0
    load: float = 0.0
    engine: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether every window of every station came, under each model."""
        bad = self.lost + self.missed + self.dropped + self.dropped_v1
        expected = self.stations * (self.measured_s - 5)
        enough = self.windows >= expected and (
            "v1" not in self.models or self.windows_v1 >= expected
        )
        return enough and not bad


@dataclass(slots=True)
class _Tally:
    """What the subscriber notes."""

    sent_ms: dict[str, list[float]] = field(default_factory=lambda: {"v1": [], "v2": []})
    received_ms: list[float] = field(default_factory=list)
    starts: dict[str, list[float]] = field(default_factory=dict)

    def note(self, message: FeedMessage) -> None:
        """Take a message in as it comes."""
        now_s = time.time()
        if not message.topic.startswith("magnitude."):
            return
        body = message.body
        name = body["model"]["name"]
        self.sent_ms[name].append(body["latency"]["processing_ms"])
        if name == "v2":
            end_s, data_s = _seconds(body["window_end"]), body["latency"]["data_s"]
            self.received_ms.append((now_s - end_s - data_s) * 1e3)
            self.starts.setdefault(message.sensor, []).append(_seconds(body["window_start"]))


def run_daemon(
    waveforms: list[Waveforms],
    stations: int,
    measured_s: int,
    *,
    with_v1: bool = False,
    settle_s: int = SETTLE_S,
) -> DaemonRun:
    """Serve synthetic stations live to a daemon and listen to its feed.

    Args:
        waveforms: real sensors to make the stations of.
        stations: how many.
        measured_s: how long to measure after all stations have begun, s.
        with_v1: run V1, too.
        settle_s: time beyond a window's length before the measured one, s.
    """
    models = ["v2", "v1"] if with_v1 else ["v2"]
    run = DaemonRun(stations, models, float(measured_s), load=os.getloadavg()[0])
    with tempfile.TemporaryDirectory(prefix="umamba-bench-") as folder:
        scratch = Path(folder)
        archive = scratch / "archive"
        archive.mkdir()
        length_s = WINDOW_S + settle_s + measured_s + 20
        metadata = write_archive(archive, waveforms, stations, length_s)
        server_port, feed_port = free_port(), free_port()
        text = config_of(
            scratch,
            server_port=server_port,
            feed_port=feed_port,
            inventory=metadata,
            with_v1=with_v1,
        )
        feed = f"tcp://127.0.0.1:{feed_port}"
        with (
            serving(archive, server_port) as server,
            running(scratch, text) as daemon,
            Subscriber(feed, timeout_s=1.0) as heard,
        ):
            run.ready_s, run.engine = daemon.ready_s, daemon.engine
            _measure(run, daemon, server, heard, settle_s)
    return run


def _measure(
    run: DaemonRun,
    daemon: Running,
    server: subprocess.Popen[bytes],
    feed: Subscriber,
    settle_s: int,
) -> None:
    counts = _listen(feed, daemon, WINDOW_S + settle_s, _Tally())
    missed, tally = feed.missed, _Tally()
    before, began_s = _cpu_s(daemon, server), time.monotonic()
    counts_after = _listen(feed, daemon, run.measured_s, tally)
    took_s = time.monotonic() - began_s
    names = ("daemon", "server", "subscriber")
    run.cores = {
        name: round((after_s - before_s) / took_s, 3)
        for name, before_s, after_s in zip(names, before, _cpu_s(daemon, server), strict=True)
    }
    run.rss_mib = rss_mib(daemon.process.pid)
    run.missed = feed.missed - missed
    run.dropped = _grown(counts, counts_after, "windows_dropped_overload")
    run.dropped_v1 = _grown(counts, counts_after, "windows_dropped_overload_v1")
    run.windows, run.windows_v1 = len(tally.sent_ms["v2"]), len(tally.sent_ms["v1"])
    run.sent_ms, run.received_ms = _quantiles(tally.sent_ms["v2"]), _quantiles(tally.received_ms)
    run.sent_v1_ms = _quantiles(tally.sent_ms["v1"]) if run.windows_v1 else None
    # By whole seconds from the first to the last of each station, whatever the order.
    run.lost = sum(
        round(max(starts) - min(starts)) + 1 - len(set(starts)) for starts in tally.starts.values()
    )


def _listen(feed: Subscriber, daemon: Running, for_s: float, tally: _Tally) -> dict[str, int]:
    """Note all messages for a time; gives the latest heartbeat's counts."""
    counts: dict[str, int] = {}
    ends_s = time.monotonic() + for_s
    while time.monotonic() < ends_s:
        message = feed.receive()
        if message is None:
            daemon.require_life()
        elif message.topic == "heartbeat":
            counts = message.body["counts"]
        else:
            tally.note(message)
    return counts


def _grown(before: dict[str, int], after: dict[str, int], name: str) -> int:
    return after.get(name, 0) - before.get(name, 0)


def _quantiles(values_ms: list[float]) -> dict[str, float]:
    if len(values_ms) < 2:
        return {}
    hundredths = statistics.quantiles(values_ms, n=100, method="inclusive")
    picked = {"p50": hundredths[49], "p90": hundredths[89], "p99": hundredths[98]}
    return {name: round(value, 2) for name, value in {**picked, "max": max(values_ms)}.items()}


def _seconds(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 time."""
    return datetime.fromisoformat(text).timestamp()


def _cpu_s(daemon: Running, server: subprocess.Popen[bytes]) -> list[float]:
    """Processor time of daemon, server and this process, s."""
    return [cpu_s(daemon.process.pid), cpu_s(server.pid), time.process_time()]

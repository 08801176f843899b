#!/usr/bin/env python3
"""Replay an archive through the socket and directly, compare the two, and measure the daemon.

The daemon, the replay server and the subscriber are processes and sockets as in production. Ends
with 0 only if every window of the direct run came out of the feed, none twice, with the same
quality and the same magnitude to 1e-5.

    tools/first_light.py ARCHIVE --speed 10 --output docs/first-light.json
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.processes import Running, free_port, rss_mib, running
from umamba_rt.feed import Subscriber
from umamba_rt.io.stationxml import find_beside

TOOLS = Path(__file__).parent
MAGNITUDE_TOLERANCE = 1e-5
DETERMINISTIC = ("window_start", "window_end", "uncertainty", "quality", "model", "station")
# Silence after which the feed is taken to have ended.
QUIET_S = 20.0
Key = tuple[str, str, str, int]


@dataclass(slots=True)
class Report:
    """What was measured; written as JSON."""

    archive: str
    speed: str
    mode: str
    cores: int
    stations: int = 0
    windows_direct: int = 0
    windows_socket: int = 0
    lost: int = 0
    extra: int = 0
    doubled: int = 0
    different: int = 0
    worst_magnitude_difference: float = 0.0
    messages_missed: int = 0
    ready_s: float = 0.0
    feed_s: float = 0.0
    windows_per_s: float = 0.0
    direct_s: float = 0.0
    processing_ms_p50: float = 0.0
    processing_ms_p99: float = 0.0
    data_latency_s_p50: float = 0.0
    rss_mib: list[float] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Whether socket and direct run gave the same windows with the same numbers."""
        return self.windows_direct > 0 and not (
            self.lost or self.extra or self.doubled or self.different
        )


def main() -> int:
    """Run both ways; returns 0 when they agree, 1 when not."""
    options = _options()
    report = Report(
        archive=" ".join(map(str, options.archive)),
        speed=options.speed,
        mode="live" if options.live else "replay",
        cores=len(os.sched_getaffinity(0)),
    )
    with tempfile.TemporaryDirectory(prefix="first-light-") as folder:
        scratch = Path(folder)
        choice = _choice(options)
        port = free_port()
        config = _config(port, scratch, report.mode, options.v1, find_beside(options.archive))
        direct = {} if options.live else _direct(scratch, config, choice, report)
        bodies = _socket(scratch, port, config, choice, options, report)
    _measure(bodies, report)
    if not options.live:
        _compare(direct, bodies, report)
    text = json.dumps(asdict(report), indent=2)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0 if options.live or report.equal else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("archive", nargs="+", type=Path)
    parser.add_argument("--speed", default="10", help="of the replay, a number or max")
    for name in ("--start", "--end", "--select"):
        parser.add_argument(name, help="as of tools/replay.py")
    parser.add_argument("--live", action="store_true", help="times moved to now; not compared")
    parser.add_argument("--for-s", type=float, help="end the socket run after this long")
    parser.add_argument(
        "--kill-server-at", type=int, metavar="N", help="kill -9 it after N windows"
    )
    parser.add_argument("--v1", action="store_true", help="run V1 alongside")
    parser.add_argument("--output", type=Path, help="write the report here, too")
    return parser.parse_args()


def _choice(options: argparse.Namespace) -> list[str]:
    words = [str(path) for path in options.archive]
    for name in ("start", "end", "select"):
        value = getattr(options, name)
        words += [f"--{name}", value] if value else []
    return words


def _direct(
    scratch: Path, config: str, choice: list[str], report: Report
) -> dict[Key, dict[str, Any]]:
    output, path = scratch / "direct.jsonl", scratch / "direct.toml"
    path.write_text(config, encoding="utf-8")
    command = [sys.executable, str(TOOLS / "replay.py"), "--direct", *choice]
    command += ["--config", str(path), "--output", str(output)]
    if 'inventory = ""' in config:
        command += ["--inventory", "none"]
    started_s = time.monotonic()
    subprocess.run(command, check=True)
    report.direct_s = round(time.monotonic() - started_s, 2)
    bodies = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    report.windows_direct = len(bodies)
    return {_key(body): body for body in bodies}


def _socket(
    scratch: Path,
    port: int,
    config: str,
    choice: list[str],
    options: argparse.Namespace,
    report: Report,
) -> list[dict[str, Any]]:
    address = f"ipc://{scratch}/feed"
    with running(scratch, config) as daemon, Subscriber(address, timeout_s=1.0) as feed:
        report.ready_s = daemon.ready_s
        # A heartbeat proves that the subscription stands; only now may data flow.
        while feed.receive() is None:
            daemon.require_life()
        serve = [sys.executable, str(TOOLS / "replay.py"), *choice, "--port", str(port)]
        serve += ["--speed", options.speed, *(["--live"] if options.live else [])]
        bodies = _collect(feed, daemon, serve, options, report)
        report.messages_missed = feed.missed
    return bodies


def _collect(
    feed: Subscriber,
    daemon: Running,
    serve: list[str],
    options: argparse.Namespace,
    report: Report,
) -> list[dict[str, Any]]:
    bodies: list[dict[str, Any]] = []
    kill_at = options.kill_server_at
    server = _started(serve)
    try:
        started_s = sampled_s = latest_s = time.monotonic()
        while True:
            message = feed.receive()
            now_s = time.monotonic()
            daemon.require_life()
            if message is not None and message.topic.startswith("magnitude."):
                bodies.append(message.body)
                latest_s = now_s
            elif message is not None and message.topic == "heartbeat":
                report.counts = message.body["counts"]
            if now_s - sampled_s >= 1:
                report.rss_mib.append(rss_mib(daemon.process.pid))
                sampled_s = now_s
            if kill_at is not None and len(bodies) >= kill_at:
                server.kill()
                server.wait()
                server, kill_at = _started(serve), None
            over = options.for_s is not None and now_s - started_s > options.for_s
            if over or now_s - latest_s > (QUIET_S if bodies else 4 * QUIET_S):
                report.feed_s = round(latest_s - started_s, 2)
                return bodies
    finally:
        server.terminate()
        server.wait()


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _measure(bodies: list[dict[str, Any]], report: Report) -> None:
    report.windows_socket = len(bodies)
    report.stations = len({_key(body)[1] for body in bodies})
    if len(bodies) < 2:
        return
    report.windows_per_s = round(len(bodies) / report.feed_s, 1)
    processing = [body["latency"]["processing_ms"] for body in bodies]
    hundredths = statistics.quantiles(processing, n=100)
    report.processing_ms_p50 = round(hundredths[49], 2)
    report.processing_ms_p99 = round(hundredths[98], 2)
    data_s = [body["latency"]["data_s"] for body in bodies]
    report.data_latency_s_p50 = round(statistics.median(data_s), 2)


def _compare(
    direct: dict[Key, dict[str, Any]], bodies: list[dict[str, Any]], report: Report
) -> None:
    seen: dict[Key, dict[str, Any]] = {}
    for body in bodies:
        key = _key(body)
        report.doubled += key in seen
        seen[key] = body
    report.lost = len(direct.keys() - seen.keys())
    report.extra = len(seen.keys() - direct.keys())
    for key in direct.keys() & seen.keys():
        one, other = direct[key], seen[key]
        difference = abs(one["magnitude"] - other["magnitude"])
        report.worst_magnitude_difference = max(report.worst_magnitude_difference, difference)
        same = all(one[name] == other[name] for name in DETERMINISTIC)
        report.different += difference > MAGNITUDE_TOLERANCE or not same


def _key(body: dict[str, Any]) -> Key:
    sensor = ".".join(body["station"].values())
    return body["model"]["name"], sensor, body["window_start"], body["revision"]


def _config(port: int, scratch: Path, mode: str, v1: bool, stations: list[Path]) -> str:
    # One file at most can be configured: of several, neither run reads any.
    inventory = stations[0] if len(stations) == 1 else ""
    return f"""
[[seedlink]]
server = "127.0.0.1:{port}"
streams = ["*_*"]
reconnect_min_s = 0.2
reconnect_max_s = 1.0
[run]
mode = "{mode}"
heartbeat_s = 0.5
[model_v1]
enabled = {str(v1).lower()}
[stations]
inventory = "{inventory}"
[query]
address = ""
[metrics]
address = ""
[publisher]
address = "ipc://{scratch}/feed"
high_water_mark = 100000
"""


if __name__ == "__main__":
    sys.exit(main())

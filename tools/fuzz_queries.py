#!/usr/bin/env python3
"""Damaged requests to a daemon's query endpoint: nothing may escape, hang or grow.

A real daemon runs beside this process. Each block of 2,000 requests goes through one connection
that reads all answers, with floods that read none, frames too long and peers that speak no ZMTP
beside it; then a sound question must be answered. The run prints its seed; the same seed gives the
same requests.

    nice -n 10 tools/fuzz_queries.py --count 100000
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import zmq

from tools.processes import free_ports, resident_bytes
from tools.query_mutations import garbage, mutate, sound, too_long
from umamba_rt.cli import Parser
from umamba_rt.query import QueryClient
from umamba_rt.wire.query import ERROR_CODES, INTERNAL

BLOCK = 2000
MOST_GROWN_MB = 5.0
_WARM_UP = 6000  # requests, in which caches and the allocator's pools fill
_AHEAD = 8  # requests on their way: fewer than the endpoint keeps answers for
_FLOOD = 200
_PEERS = 10  # that speak no ZMTP, a block
_ANSWER_MS = 10_000
_START_S = 60.0
_CONFIG = """
[[seedlink]]
server = "127.0.0.1:{nobody}"
streams = ["XX_*"]
[publisher]
address = "tcp://127.0.0.1:{feed}"
[query]
address = "tcp://127.0.0.1:{query}"
requests_hz = 100000
[metrics]
address = ""
[history]
memory_messages = 100
[state]
directory = "{folder}/state"
[run]
heartbeat_s = 0.2
log_format = "json"
"""


class FuzzError(Exception):
    """Something that damaged requests must not do."""


@dataclass(slots=True)
class Report:
    """What a run met with."""

    seed: int
    requests: int = 0
    answered: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    unread: int = 0
    too_long: int = 0
    raw_peers: int = 0
    sound_answered: int = 0
    rss_before_mb: float = 0.0
    rss_after_mb: float = 0.0
    descriptors_before: dict[str, int] = field(default_factory=dict)
    descriptors_after: dict[str, int] = field(default_factory=dict)
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Target:
    """A running daemon."""

    process: subprocess.Popen[bytes]
    log: Path
    query_port: int

    @property
    def address(self) -> str:
        """Of its query endpoint."""
        return f"tcp://127.0.0.1:{self.query_port}"

    def rss_mb(self) -> float:
        """Its resident memory."""
        return resident_bytes(self.process.pid) / 1e6

    def descriptors(self) -> Counter[str]:
        """What it has open: sockets and the like counted by their kind, files by name."""
        found: Counter[str] = Counter()
        for descriptor in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                found[str(descriptor.readlink()).partition(":")[0]] += 1
        return found


def fuzz(count: int, seed: int) -> Report:
    """Send ``count`` requests.

    Raises:
        FuzzError: a request had no answer, or one that is none of the protocol; the daemon ended,
            answered a sound question no more, logged an error, or kept memory or descriptors.
    """
    report, chooser = Report(seed), random.Random(seed)
    started_s = time.monotonic()
    with TemporaryDirectory() as folder, _daemon(Path(folder)) as target:
        session = _ask(target, report)
        while report.requests < count:
            if not report.rss_before_mb and report.requests >= min(_WARM_UP, count // 3):
                report.rss_before_mb = target.rss_mb()
                report.descriptors_before = dict(_settled(target, None))
            block = min(BLOCK, max(1, count // 3), count - report.requests)
            _block(target, chooser, session, block, report)
            _ask(target, report)
        report.descriptors_after = dict(_settled(target, report.descriptors_before))
        report.rss_after_mb = target.rss_mb()
        target.process.terminate()
        status, log = target.process.wait(60), target.log.read_text(encoding="utf-8")
    report.elapsed_s = round(time.monotonic() - started_s, 1)
    _check(report, status, log)
    return report


def _check(report: Report, status: int, log: str) -> None:
    faults = [word for word in ("Traceback", "query_failed", '"level": "error"') if word in log]
    if status != 0 or faults:
        raise FuzzError(f"seed {report.seed}: status {status}, log holds {faults}: {log[-2000:]}")
    if report.rss_after_mb - report.rss_before_mb > MOST_GROWN_MB:
        raise FuzzError(f"seed {report.seed}: memory grew: {report}")
    if more := Counter(report.descriptors_after) - Counter(report.descriptors_before):
        raise FuzzError(f"seed {report.seed}: descriptors stayed open: {more}, {report}")


@contextmanager
def _daemon(folder: Path) -> Iterator[Target]:
    ports = free_ports(3)
    config, log = folder / "daemon.toml", folder / "daemon.log"
    text = _CONFIG.format(nobody=ports[0], feed=ports[1], query=ports[2], folder=folder)
    config.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "umamba_rt", "run", str(config)]
    root = str(Path(__file__).parents[1])
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stderr=sink, env={**os.environ, "PYTHONPATH": root})
        try:
            yield Target(process, log, ports[2])
        finally:
            process.kill()
            process.wait()


def _ask(target: Target, report: Report) -> str:
    """A sound question, over a connection of its own; gives the daemon's session."""
    ends_s = time.monotonic() + _START_S
    while True:
        if target.process.poll() is not None:
            raise FuzzError(f"seed {report.seed}: the daemon ended: {target.log.read_text()}")
        try:
            with QueryClient(target.address, timeout_s=5.0) as client:
                answer = client.ask("stats")
        except TimeoutError:
            if report.requests or time.monotonic() > ends_s:
                raise FuzzError(f"seed {report.seed}: no answer after {report.requests}") from None
            continue
        report.sound_answered += 1
        return str(answer["session"])


def _block(
    target: Target, chooser: random.Random, session: str, count: int, report: Report
) -> None:
    context: zmq.Context[Any] = zmq.Context()
    try:
        flood = _connected(context, target.address)
        for _ in range(min(_FLOOD, count // 10)):  # reads nothing, and leaves
            flood.send(json.dumps(sound(chooser, session)).encode())
            report.unread += 1
        for _ in range(2):
            _connected(context, target.address).send_multipart(too_long(chooser))
            report.too_long += 1
        raw = [_pester(target.query_port, garbage(chooser)) for _ in range(_PEERS)]
        report.raw_peers += len(raw)
        _exchange(_connected(context, target.address), chooser, session, count, report)
        report.requests += count
        for one in raw:
            one.close()
    finally:
        context.destroy(linger=0)


def _exchange(
    asked: zmq.Socket[bytes], chooser: random.Random, session: str, count: int, report: Report
) -> None:
    """Send requests, and read an answer to each."""
    sent = answered = 0
    while answered < count:
        while sent < count and sent - answered < _AHEAD:
            asked.send_multipart(mutate(chooser, session))
            sent += 1
        if not asked.poll(_ANSWER_MS):
            raise FuzzError(f"seed {report.seed}: {sent - answered} requests without an answer")
        answer = json.loads(asked.recv_multipart()[-1])
        answered += 1
        report.answered += 1
        code = answer["error"]["code"] if "error" in answer else ""
        if code:
            report.refused[code] = report.refused.get(code, 0) + 1
        if code and (code not in ERROR_CODES or code == INTERNAL):
            raise FuzzError(f"seed {report.seed}: answered {answer}")


def _connected(context: zmq.Context[Any], address: str) -> zmq.Socket[bytes]:
    made: zmq.Socket[bytes] = context.socket(zmq.DEALER)
    made.connect(address)
    return made


def _pester(port: int, said: bytes) -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", port))
    raw.setblocking(False)
    with suppress(OSError):  # hung up on in the midst
        raw.sendall(said)
    return raw


def _settled(target: Target, wanted: Mapping[str, int] | None) -> Counter[str]:
    """Its descriptors, once those of peers that have left are gone: a handshake may take 2 s."""
    ends_s = time.monotonic() + (4.0 if wanted is None else 20.0)
    found = target.descriptors()
    while time.monotonic() < ends_s and (wanted is None or found - Counter(wanted)):
        time.sleep(0.2)
        found = target.descriptors()
    return found


def main() -> int:
    """Run; prints the seed first and a JSON report last."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000, help="requests (%(default)s)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    try:
        report = fuzz(options.count, options.seed)
    except FuzzError as error:
        print(error, file=sys.stderr)
        return 70
    print(json.dumps(asdict(report), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())

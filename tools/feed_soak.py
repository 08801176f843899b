#!/usr/bin/env python3
"""Hold the feed to its promises under many subscribers, some of them slow or stopped.

The real publisher, history and query endpoint in a process of their own send the estimates of 300
stations and two models once a second; each subscriber has a process, or ten share one. Ten minutes:

    tools/feed_soak.py --seconds 600

All share one machine, on which fifty that read V1's curves would leave nothing to the feed. So
``bare`` ones read of a message only its number and time, and those that are slow or stopped, and
then take some minutes to catch up, run at the lowest priority. ``healthy`` ones read everything,
each in a process of its own, as those of observatories are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import zmq

from umamba_rt.cli import Parser, guarded
from umamba_rt.feed import Subscriber

CONTEXT = multiprocessing.get_context("spawn")
# Kinds, processes of each, subscribers of a process.
GROUPS = (("healthy", 10, 1), ("bare", 2, 10), ("slow", 1, 10), ("stopped", 1, 10))
_BATCH_S = 0.02
_SLOW_S = 0.01  # a slow one takes 100 messages a second
_BINS = 5000  # of 1 ms
_NUMBERS = re.compile(rb'"seq":(\d+),"topic_seq":\d+,"sent_at":"([^"]+)"')
_PATIENCE_S = 120.0
_MOST_BEHIND_S = 1500.0
_IMPORT_S = 8.0  # fourteen interpreters; who is not ready by then begins later
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@dataclass(frozen=True, slots=True)
class End:
    """The last message: how many there were before it."""

    schema: ClassVar[str] = "umamba-rt/end/1"
    total: int

    @property
    def topic(self) -> str:
        """``end``."""
        return "end"


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of the feed.

    Attributes:
        seconds: how long it sends.
        stations: with one estimate a second of each of two models.
        high_water_mark: see ``PublisherConfig``.
        memory_mb: see ``HistoryConfig``.
        disk_mb: as well.
    """

    seconds: float
    stations: int
    high_water_mark: int
    memory_mb: int
    disk_mb: int


def serve(load: Load, pipe: Connection) -> None:
    """The feed: says where it is, begins when told to, ends when told to; then its memory."""
    from umamba_rt.config.endpoints import HistoryConfig, PublisherConfig
    from umamba_rt.io.publisher import Publisher
    from umamba_rt.io.query import QueryEndpoint
    from umamba_rt.recall import Recall

    publisher = Publisher(
        PublisherConfig(address="tcp://127.0.0.1:*", high_water_mark=load.high_water_mark)
    )
    with TemporaryDirectory() as folder:
        history = HistoryConfig(memory_mb=load.memory_mb, disk_mb=load.disk_mb)
        recall = Recall(publisher, history, Path(folder))
        endpoint = QueryEndpoint("tcp://127.0.0.1:*", recall.handlers)
        pipe.send((publisher.address, endpoint.address))
        loop = asyncio.new_event_loop()
        task = loop.create_task(endpoint.serve())
        thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.wait([task])))
        thread.start()
        pipe.recv()
        memory = _send(load, publisher)
        total = publisher.sent
        while not pipe.poll(0.2):
            publisher.send(End(total))
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        endpoint.close()
        recall.close()
        publisher.close()
    pipe.send((total, memory, dict(endpoint.counts)))


def _send(load: Load, publisher: Any) -> list[tuple[float, float]]:
    """Send at an even pace; gives seconds and resident memory in MB."""
    messages = _messages(load.stations)
    batch = round(len(messages) * _BATCH_S)
    begun_s, memory = time.monotonic(), []
    for turn in range(round(load.seconds / _BATCH_S)):
        time.sleep(max(0.0, begun_s + turn * _BATCH_S - time.monotonic()))
        first = turn * batch % len(messages)
        for message in messages[first : first + batch]:
            publisher.send(message)
        if turn % round(1 / _BATCH_S) == 0:
            memory.append((time.monotonic() - begun_s, _resident_mb()))
    return memory


def _messages(stations: int) -> list[Any]:
    """One estimate of each station and model, those of V1 with their curve."""
    import numpy as np

    from umamba_rt.core.estimate import BatchOutput, ModelIdentity
    from umamba_rt.core.ids import GroupId
    from umamba_rt.core.quality import Quality
    from umamba_rt.core.window import Window
    from umamba_rt.wire.message import magnitudes_of

    quality = Quality(0.0, 0, 0.0, False, 12.0, 100.0, "ZNE", True)
    samples = np.zeros((3, 3001), np.float32)
    windows = [
        Window(GroupId("XX", f"S{number:03d}", "", "HH"), 0, samples, quality, 0)
        for number in range(stations)
    ]
    found = []
    rng = np.random.default_rng(0)
    for name in ("v2", "v1"):
        curve = rng.normal(2, 1, (stations, 3001)).astype(np.float32) if name == "v1" else None
        output = BatchOutput(rng.normal(2, 1, stations).astype(np.float32), curve)
        found += magnitudes_of(windows, output, ModelIdentity(name, "1.0", "ab" * 32, True))
    return found


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_MB


class Tally:
    """What a subscriber got, by the messages' numbers."""

    def __init__(self) -> None:
        self._got = bytearray()
        self._bins = [0] * _BINS
        self._first = self._twice = 0

    def take(self, seq: int, sent_at: str) -> None:
        """Count a message that has come now."""
        now_s = time.time()
        self._first = self._first or seq
        if seq >= len(self._got):
            self._got.extend(bytes(seq + 1000 - len(self._got)))
        self._twice += self._got[seq]
        self._got[seq] = 1
        sent_s = datetime.fromisoformat(sent_at).timestamp()
        self._bins[min(_BINS - 1, max(0, int((now_s - sent_s) * 1000)))] += 1

    def lost(self, total: int) -> int:
        """How many of all messages have not come since the first one that has."""
        return total - self._first + 1 - sum(self._got[self._first : total + 1])

    def result(self, total: int, **more: int) -> dict[str, Any]:
        """All of it, as JSON's own types."""
        return {"lost": self.lost(total), "twice": self._twice, "bins": self._bins, **more}


def listen(feed: str) -> dict[str, Any]:
    """One bare subscriber; gives what it got."""
    tally = Tally()
    context = zmq.Context()
    with context, context.socket(zmq.SUB) as heard:
        heard.set(zmq.SUBSCRIBE, b"")
        heard.set(zmq.RCVTIMEO, round(_PATIENCE_S * 1000))
        heard.connect(feed)
        while True:
            topic, body = heard.recv_multipart()
            if topic == b"end":
                return tally.result(json.loads(body)["total"])
            found = _NUMBERS.search(body)
            assert found is not None, body
            tally.take(int(found[1]), found[2].decode())


def subscribe(feed: str, query: str, slow_s: float) -> dict[str, Any]:
    """One of ours, slow for so long; gives what it got."""
    tally, total, begun_s = Tally(), None, time.monotonic()
    with Subscriber(feed, query_address=query, timeout_s=_PATIENCE_S, check_s=5.0) as messages:
        for message in messages:
            if message.topic == "end":
                total = message.body["total"]
            else:
                tally.take(message.seq, message.body["sent_at"])
                if time.monotonic() - begun_s < slow_s:
                    time.sleep(_SLOW_S)
            late = time.monotonic() - begun_s > slow_s + _MOST_BEHIND_S
            if late or (total is not None and tally.lost(total) == 0):
                break
        names = ("recovered", "missed", "unanswered")
        return tally.result(total or 0, **{name: getattr(messages, name) for name in names})


def follow(kind: str, count: int, feed: str, query: str, lasts_s: float, pipe: Connection) -> None:
    """A process of so many subscribers; sends their results."""
    if kind in {"slow", "stopped"}:
        os.nice(19)
    slow_s = lasts_s * 2 / 3 if kind == "slow" else 0.0
    with ThreadPoolExecutor(count) as threads:
        jobs = [
            threads.submit(listen, feed)
            if kind == "bare"
            else threads.submit(subscribe, feed, query, slow_s)
            for _ in range(count)
        ]
        pipe.send([job.result() for job in jobs])


def soak(load: Load) -> dict[str, Any]:
    """Run it all; gives the figures."""
    ours, theirs = CONTEXT.Pipe()
    server = CONTEXT.Process(target=serve, args=(load, theirs))
    server.start()
    feed, query = ours.recv()
    groups: dict[str, list[tuple[SpawnProcess, Connection]]] = {}
    for kind, processes, count in GROUPS:
        for _ in range(processes):
            mine, its = CONTEXT.Pipe()
            arguments = (kind, count, feed, query, load.seconds, its)
            process = CONTEXT.Process(target=follow, args=arguments)
            process.start()
            groups.setdefault(kind, []).append((process, mine))
    time.sleep(_IMPORT_S)
    ours.send("go")
    begun_s = time.monotonic()
    stopped = groups["stopped"][0][0].pid
    assert stopped is not None
    time.sleep(load.seconds / 4)
    os.kill(stopped, signal.SIGSTOP)
    time.sleep(load.seconds / 3)
    os.kill(stopped, signal.SIGCONT)
    results: dict[str, list[dict[str, Any]]] = {}
    for kind, members in groups.items():
        found = [one for _, mine in members for one in mine.recv()]
        for process, _ in members:
            process.join()
        results[kind] = found
        lost, p99_ms = sum(one["lost"] for one in found), _latency_ms(found, 0.99)
        after_s = time.monotonic() - begun_s
        told = f"{len(found)} {kind} ones: {lost} lost, p99 {p99_ms} ms, done after {after_s:.0f} s"
        print(told, file=sys.stderr)
    ours.send("end")
    total, memory, counts = ours.recv()
    server.join()
    return _figures(total, memory, counts, results)


def _figures(
    total: int,
    memory: list[tuple[float, float]],
    counts: dict[str, int],
    results: dict[str, list[dict[str, Any]]],
) -> dict[str, Any]:
    half = memory[len(memory) // 2 :]
    return {
        "messages": total,
        "memory_mb": {"first": memory[0][1], "half": half[0][1], "last": half[-1][1]},
        "queries": counts,
        **{
            kind: {
                "subscribers": len(found),
                "p50_ms": _latency_ms(found, 0.5),
                "p99_ms": _latency_ms(found, 0.99),
                **{name: sum(one[name] for one in found) for name in found[0] if name != "bins"},
            }
            for kind, found in results.items()
        },
    }


def _latency_ms(found: Sequence[dict[str, Any]], share: float) -> int:
    """From sending to receiving, of all messages of some subscribers; upper edge of the bin."""
    bins = [sum(column) for column in zip(*(one["bins"] for one in found), strict=True)]
    left = share * sum(bins)
    for edge, count in enumerate(bins, 1):
        left -= count
        if left <= 0:
            return edge
    return len(bins)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit status."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0, help="default %(default)s")
    parser.add_argument("--stations", type=int, default=300, help="default %(default)s")
    parser.add_argument("--high-water-mark", type=int, default=10_000, help="default %(default)s")
    parser.add_argument("--memory-mb", type=int, default=64, help="default %(default)s")
    parser.add_argument("--disk-mb", type=int, default=1000, help="default %(default)s: all of it")
    options = parser.parse_args(arguments)
    load = Load(**vars(options))

    def run() -> int:
        print(json.dumps(soak(load), indent=2))
        return 0

    return guarded("feed_soak", run)


if __name__ == "__main__":
    sys.exit(main())

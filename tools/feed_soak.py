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
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.feed_subscribers import follow
from tools.processes import rss_mib
from umamba_rt.cli import Parser, guarded

CONTEXT = multiprocessing.get_context("spawn")
# Kinds, processes of each, subscribers of a process.
GROUPS = (("healthy", 10, 1), ("bare", 2, 10), ("slow", 1, 10), ("stopped", 1, 10))
_BATCH_S = 0.02
_IMPORT_S = 8.0  # fourteen interpreters; who is not ready by then begins later


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
    """Send at an even pace; gives seconds and resident memory in MiB."""
    messages = _messages(load.stations)
    batch = round(len(messages) * _BATCH_S)
    begun_s, memory = time.monotonic(), []
    for turn in range(round(load.seconds / _BATCH_S)):
        time.sleep(max(0.0, begun_s + turn * _BATCH_S - time.monotonic()))
        first = turn * batch % len(messages)
        for message in messages[first : first + batch]:
            publisher.send(message)
        if turn % round(1 / _BATCH_S) == 0:
            memory.append((time.monotonic() - begun_s, rss_mib(os.getpid())))
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


def soak(load: Load) -> dict[str, Any]:
    """Run it all; gives the figures."""
    ours, theirs = CONTEXT.Pipe()
    server = CONTEXT.Process(target=serve, args=(load, theirs))
    server.start()
    theirs.close()  # where it dies, what waits for it hears of that
    feed, query = ours.recv()
    groups: dict[str, list[tuple[SpawnProcess, Connection]]] = {}
    for kind, processes, count in GROUPS:
        for _ in range(processes):
            mine, its = CONTEXT.Pipe()
            arguments = (kind, count, feed, query, load.seconds, its)
            process = CONTEXT.Process(target=follow, args=arguments)
            process.start()
            its.close()
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
        "memory_mib": {"first": memory[0][1], "half": half[0][1], "last": half[-1][1]},
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

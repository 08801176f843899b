#!/usr/bin/env python3
"""Records a second from a SeedLink socket into rings on one core, beside obspy's SeedLink client.

The server is a process of its own that sends records packed beforehand as fast as the client reads.
Each client is a process bound to one core; they take turns. Ours decodes, keeps positions and fills
rings, and with ``-windows`` cuts a window each second of each station besides, with its quality;
obspy's EasySeedLinkClient decodes to traces and counts them.

    tools/ingest_benchmark.py --rounds 5
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # obspy's process must not pay for our imports, nor ours for obspy
    from umamba_rt.wire.record import ReplayRecord

CLIENTS = ("ours-v4", "ours-v3", "ours-v4-windows", "obspy-v3")


def main() -> int:
    """Measure; prints a JSON report."""
    options = _options()
    if options.role == "server":
        return asyncio.run(_serve(options.stations, options.seconds))
    if options.role:
        print(json.dumps(_client(options.role, options.port, options.count)))
        return 0
    found: dict[str, list[dict[str, float]]] = {name: [] for name in CLIENTS}
    command = [sys.executable, __file__]
    sizes = ["--stations", str(options.stations), "--seconds", str(options.seconds)]
    server = subprocess.Popen(
        [*command, "--role", "server", *sizes], stdout=subprocess.PIPE, text=True
    )
    try:
        port, count = server.stdout.readline().split() if server.stdout else ("", "")
        for _ in range(options.rounds):
            for name in CLIENTS:
                words = ["--role", name, "--port", port, "--count", count]
                done = subprocess.run(
                    [*command, *words], stdout=subprocess.PIPE, text=True, check=True, timeout=120
                )
                found[name].append(json.loads(done.stdout.splitlines()[-1]))
    finally:
        server.kill()
        server.wait()
    report = {
        "records": int(count),
        "rounds": options.rounds,
        **{
            name: {
                "per_wall_s": _median(runs, "wall_s", int(count)),
                "per_cpu_s": _median(runs, "cpu_s", int(count)),
            }
            for name, runs in found.items()
        },
    }
    text = json.dumps(report, indent=2)
    print(text)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    return 0


def _median(runs: list[dict[str, float]], name: str, count: int) -> int:
    return round(count / statistics.median(run[name] for run in runs))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stations", type=int, default=50, help="of three components, 100 Hz")
    parser.add_argument("--seconds", type=int, default=600, help="of each")
    parser.add_argument("--output", type=Path, help="write the report here, too")
    parser.add_argument("--role", choices=("server", *CLIENTS), help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


# -- the server: real handshakes, then all frames at once


async def _serve(stations: int, seconds: int) -> int:
    from umamba_rt.wire.seedlink_frames import Protocol, data_frame

    records = _records(stations, seconds)
    frames = {
        protocol: b"".join(
            data_frame(protocol, number, one.source_id.station_id, one.payload)
            for number, one in enumerate(records, 1)
        )
        for protocol in Protocol
    }

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from umamba_rt.wire.seedlink import Session
        from umamba_rt.wire.seedlink_events import Reply, StartStreaming
        from umamba_rt.wire.seedlink_info import Identity, InfoRequest, answer_info

        identity = Identity("benchmark", "benchmark", time.time_ns())
        session = Session(identity)
        while chunk := await reader.read(4096):
            for event in session.receive(chunk):
                if isinstance(event, Reply):
                    writer.write(event.content)
                elif isinstance(event, InfoRequest):
                    writer.write(answer_info(event, identity, [], time.time_ns()))
                elif isinstance(event, StartStreaming):
                    writer.write(frames[event.protocol])
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], len(records), flush=True)
    await server.serve_forever()
    return 0


def _records(stations: int, seconds: int) -> list[ReplayRecord]:
    import numpy as np

    from umamba_rt.core.ids import SourceId
    from umamba_rt.core.segment import Segment
    from umamba_rt.wire.record import pack_segment

    rng = np.random.default_rng(0)
    records: list[ReplayRecord] = []
    for number in range(stations):
        for component in "ZNE":
            source_id = SourceId("XX", f"S{number:03}", "", "H", "H", component)
            samples = rng.normal(0, 1000, seconds * 100).astype(np.int32)
            records += pack_segment(Segment(source_id, 1_600_000_000 * 10**9, 100.0, samples))
    return sorted(records, key=lambda one: (one.end_ns, str(one.source_id)))


# -- the clients


def _client(name: str, port: int, count: int) -> dict[str, float]:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if name == "obspy-v3":
        return _obspy(port, count)
    _, protocol, *windows = name.split("-")
    return asyncio.run(_ours(protocol, port, count, hop_s=1.0 if windows else 600.0))


async def _ours(protocol: str, port: int, count: int, *, hop_s: float) -> dict[str, float]:
    from umamba_rt.config.file import parse
    from umamba_rt.core.pipeline import Pipeline
    from umamba_rt.ingest import DataClock, Ingest
    from umamba_rt.io.seedlink import SeedLinkReader

    text = f"""
[[seedlink]]
server = "127.0.0.1:{port}"
streams = ["*_*"]
protocol = "{protocol}"
[window]
hop_s = {hop_s}
"""
    config = parse(text, {}, where="benchmark")
    ingest = Ingest(Pipeline(config.pipeline), DataClock())
    reader = SeedLinkReader(config.seedlink[0])
    windows = 0
    started: tuple[float, float] | None = None
    async for packet in reader.packets():
        started = started or (time.perf_counter(), time.process_time())
        windows += len(ingest.record(packet.payload, source=packet.source).windows)
        reader.note(packet, ingest.latest, time.monotonic_ns())
        if ingest.records == count:
            break
    if started is None or ingest.records_refused or (hop_s == 1.0 and not windows):
        raise SystemExit(f"{windows} windows, {ingest.records_refused} records refused")
    return {"wall_s": time.perf_counter() - started[0], "cpu_s": time.process_time() - started[1]}


def _obspy(port: int, count: int) -> dict[str, float]:
    from obspy.clients.seedlink.easyseedlink import EasySeedLinkClient

    class Counting(EasySeedLinkClient):  # type: ignore[misc]
        """Notes when the first trace came, and leaves after the last one."""

        seen = 0
        started = (0.0, 0.0)

        def on_data(self, _trace: object) -> None:
            """Count a trace."""
            if self.seen == 0:
                self.started = (time.perf_counter(), time.process_time())
            self.seen += 1
            if self.seen == count:
                raise _AllReadError

    client = Counting(f"127.0.0.1:{port}", autoconnect=False)
    client.conn.timeout = 100.0  # obspy 1.5.1 cannot connect without one
    client.connect()
    client.select_stream("*", "*", "HH?")
    try:
        client.run()
    except _AllReadError:
        now = time.perf_counter(), time.process_time()
    return {"wall_s": now[0] - client.started[0], "cpu_s": now[1] - client.started[1]}


class _AllReadError(Exception):
    """The count is full."""


if __name__ == "__main__":
    sys.exit(main())

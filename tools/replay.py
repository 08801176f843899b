#!/usr/bin/env python3
"""Replay an archive as a SeedLink server, or straight through the model with --direct.

Serves SDS folders, miniSEED files and whatever obspy reads, re-recorded to 512-byte miniSEED in
the order in which dataloggers would have sent it. Prints ``listening on HOST:PORT`` when clients
can connect. Ends with 0 after the last packet, or on SIGINT or SIGTERM.

Started again with the same archive and arguments it gives the same numbers and times, so clients
resume where they were. With --live the times begin, or go on, when the first client does: numbers
are the same after a restart, times are later by as long as the server was away.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from umamba_rt.cli import Parser, guarded, time_ns
from umamba_rt.wire.fault_switches import SWITCHES, FaultError, parse_faults

if TYPE_CHECKING:  # --help must not wait for numpy
    from umamba_rt.core.inventory import Inventory
    from umamba_rt.io.archive import Archive
    from umamba_rt.io.replay_server import ReplayServer
    from umamba_rt.io.replay_timeline import Timeline


def _speed(text: str) -> float:
    """``max`` is infinity."""
    if text == "max":
        return math.inf
    speed = float(text)
    if not 0 < speed < math.inf:
        raise ValueError(text)
    return speed


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < math.inf:
        raise ValueError(text)
    return value


def _whole(name: str, least: int, most: float = math.inf) -> Callable[[str], int]:
    """A type of arguments; argparse tells its name of a text that is none."""

    def whole(text: str) -> int:
        if not least <= int(text) <= most:
            raise ValueError(text)
        return int(text)

    whole.__name__ = name
    return whole


_speed.__name__ = "speed (a number above 0, or max)"
_seconds.__name__ = "number of seconds"
_port = _whole("port", 0, 65535)
_count, _turns = _whole("whole number", 0), _whole("number of turns", 1)


def _add_faults(parser: argparse.ArgumentParser) -> None:
    names = "; ".join(f"{s.name}{'=' * bool(s.takes)}{s.takes}: {s.meaning}" for s in SWITCHES)
    faults = parser.add_argument_group(
        "faults, to test clients with",
        f"{names}. WHEN is a chance for each packet, or @N for each connection's N-th one.",
    )
    faults.add_argument(
        "--fault", action="append", default=[], metavar="SWITCH", help="may be repeated"
    )
    faults.add_argument("--fault-seed", type=_count, default=0, metavar="N", help="(%(default)s)")
    faults.add_argument(
        "--fault-connections", type=_count, metavar="N", help="only the first N connections suffer"
    )


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(prog="replay.py", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("archive", nargs="*", type=Path, help="folder (SDS or other) or file")
    parser.add_argument("--demo", action="store_true", help="serve obspy's demo data, 4 minutes")
    what = parser.add_argument_group("what is replayed")
    what.add_argument("--start", type=time_ns, metavar="TIME", help="first sample, UTC")
    what.add_argument("--end", type=time_ns, metavar="TIME", help="samples before this, UTC")
    what.add_argument(
        "--select", default="", metavar="GLOBS", help="NET.STA.LOC.CHA with * and ?, by commas"
    )
    server = parser.add_argument_group("server")
    server.add_argument("--host", default="127.0.0.1", help="address to bind (%(default)s)")
    server.add_argument("--port", type=_port, default=18000, help="0: any free one (%(default)s)")
    server.add_argument(
        "--speed", type=_speed, default=1.0, metavar="N|max", help="times real time (1)"
    )
    server.add_argument(
        "--live",
        action="store_true",
        help="move all times so that it begins when the first client does",
    )
    again = server.add_mutually_exclusive_group()
    again.add_argument("--loop", action="store_true", help="start over, later, after the end")
    again.add_argument("--turns", type=_turns, default=1, metavar="N", help="so often in all (1)")
    server.add_argument(
        "--linger", type=_seconds, default=5.0, metavar="S", help="open after the end (%(default)s)"
    )
    _add_faults(parser)
    direct = parser.add_argument_group("without a server")
    direct.add_argument("--direct", action="store_true", help="run the core here, no socket")
    direct.add_argument("--checkpoint", type=Path, metavar="FILE", help="the model")
    direct.add_argument("--output", type=Path, metavar="OUT.jsonl", help="estimates, one a line")
    direct.add_argument(
        "--events", type=Path, metavar="EVENTS.jsonl", help="event messages, one a line"
    )
    direct.add_argument(
        "--inventory",
        type=Path,
        metavar="FILE|DIR",
        help="StationXML; none: do without (those in or beside the archive, unless --config says)",
    )
    direct.add_argument("--config", type=Path, metavar="FILE", help="configuration, TOML")
    return parser


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read and check the command line; a contradiction ends with 64."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if arguments.demo == bool(arguments.archive):
        parser.error("name an archive, or --demo, and not both")
    if arguments.direct:
        if arguments.output is None:
            parser.error("--direct needs --output")
        for name in ("loop", "turns", "live", "fault"):
            if getattr(arguments, name) != parser.get_default(name):
                parser.error(f"--direct does not go with --{name}")
    else:
        for name in ("checkpoint", "output", "events", "config", "inventory"):
            if getattr(arguments, name) is not None:
                parser.error(f"--{name} goes with --direct only")
    if None not in (arguments.start, arguments.end) and arguments.start >= arguments.end:
        parser.error("--start is not before --end")
    try:
        arguments.faults = parse_faults(
            arguments.fault, seed=arguments.fault_seed, connections=arguments.fault_connections
        )
    except FaultError as error:
        parser.error(f"--fault {error}")
    return arguments


def read(arguments: argparse.Namespace) -> Archive:
    """Read the archive that is asked for, and say what had to be left out."""
    from umamba_rt.io.archive import ArchiveChoice, demo_records, read_archive

    globs = tuple(filter(None, map(str.strip, arguments.select.split(","))))
    choice = ArchiveChoice(arguments.start, arguments.end, globs)
    archive = demo_records(choice) if arguments.demo else read_archive(arguments.archive, choice)
    served = {record.source_id for record in archive.records}
    for glob in globs:
        alone = ArchiveChoice(select=(glob,))
        if not any(alone.wants(source_id) for source_id in served):
            print(f"warning: --select {glob}: nothing matches", file=sys.stderr)
    for warning in archive.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return archive


def read_stations(arguments: argparse.Namespace, configured: str) -> Inventory:
    """The inventory that is named, else configured, else found beside the archive; says which."""
    from umamba_rt.core.inventory import EMPTY
    from umamba_rt.io.stationxml import find_beside, read_files, read_inventory

    if arguments.inventory is not None and str(arguments.inventory) == "none":
        return EMPTY
    named = arguments.inventory or (Path(configured) if configured else None)
    if named is not None:
        inventory = read_inventory(named)
    else:
        files = find_beside(arguments.archive)
        if files:
            what = ", ".join(map(str, files))
            print(f"station metadata: {what} (--inventory none: do without)", file=sys.stderr)
        inventory = read_files(files)
    for note in inventory.notes:
        print(f"note: {note}", file=sys.stderr)
    return inventory


def run_direct(arguments: argparse.Namespace) -> int:
    """Take the records straight through the core; one JSON line an estimate."""
    from umamba_rt.config.file import load, parse
    from umamba_rt.direct import run_direct as run
    from umamba_rt.engines import make_engines
    from umamba_rt.errors import UnavailableError

    if arguments.config:
        config = load(arguments.config, os.environ)
    else:
        config = parse("", os.environ, where="environment")
    if arguments.checkpoint is not None:
        config = replace(config, model=replace(config.model, checkpoint=str(arguments.checkpoint)))
    records = read(arguments).records
    inventory = read_stations(arguments, config.stations.inventory)
    engines = make_engines(config)
    try:
        with arguments.output.open("wb") as output, ExitStack() as more:
            events = more.enter_context(arguments.events.open("wb")) if arguments.events else None
            summary = run(records, config, engines, output, inventory, events)
    except OSError as error:
        where = error.filename or arguments.output
        raise UnavailableError(str(where), error.strerror or str(error)) from error
    print(
        f"{summary.records} records, {summary.records_refused} refused, {summary.windows} windows, "
        f"{summary.written} estimates in {summary.elapsed_s:.1f} s",
        file=sys.stderr,
    )
    for name, number in sorted(summary.left_out.items()):
        print(f"counted: {name} {number}", file=sys.stderr)
    return 0


def serve(arguments: argparse.Namespace) -> int:
    """Serve until the replay is over or a signal comes."""
    from umamba_rt.io.replay_timeline import Timeline

    timeline = Timeline(read(arguments).records, turns=None if arguments.loop else arguments.turns)
    asyncio.run(_serve(timeline, arguments))
    return 0


async def _serve(timeline: Timeline, arguments: argparse.Namespace) -> None:
    from umamba_rt.io.replay_server import ReplayServer, ServerOptions

    speed = None if math.isinf(arguments.speed) else arguments.speed
    options = ServerOptions(
        arguments.host,
        arguments.port,
        speed,
        arguments.linger,
        arguments.live,
        faults=arguments.faults,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with ReplayServer(timeline, options) as server:
        print(f"listening on {arguments.host}:{server.port}", flush=True)
        waits = [asyncio.create_task(w) for w in (server.wait_finished(), stop.wait())]
        if sys.stderr.isatty():
            waits.append(asyncio.create_task(_show_progress(server)))
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _show_progress(server: ReplayServer) -> None:
    """Keep a bar on the terminal up to date until cancelled."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("records"), TimeElapsedColumn())
    clients = TextColumn("{task.fields[clients]} clients")
    with Progress(*columns, clients, console=Console(stderr=True)) as bar:
        task = bar.add_task("replay", total=server.progress.last, clients=0)
        try:
            while True:
                now = server.progress
                bar.update(task, completed=now.number, clients=now.clients)
                await asyncio.sleep(0.2)
        finally:
            bar.update(task, completed=server.progress.number)


def main(argv: list[str] | None = None) -> int:
    """Run; the exit status is 0, 64 usage, 69 unavailable, or what an error of ours says."""
    arguments = parse_arguments(argv)
    action = run_direct if arguments.direct else serve
    return guarded("replay.py", lambda: action(arguments))


if __name__ == "__main__":
    sys.exit(main())

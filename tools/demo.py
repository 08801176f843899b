#!/usr/bin/env python3
"""The whole path in a minute: replay server, daemon and subscriber, on real recordings.

The recordings are those that the installed obspy package carries: the Unterhaching (Germany)
stations BW.UH1 to UH4 on 2010-05-27, of which only UH3 has three components, and BW.RJOB, one
sample short of a window. They are served at several times real time; the daemon runs in replay
mode with the weights of the package. Nobody tells it the sensitivities of these stations, so it
must guess at their magnitudes, and `quality.unit` says `counts`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from umamba_rt.feed import FeedMessage, Subscriber

TOOLS = Path(__file__).parent
SPEED = 5
# The archive lasts 230 s; the daemon needs some seconds to start.
LONGEST_S = 110.0
LINES_KEPT = 12
NEXT_STEPS = """\
What to do next
  your own archive   .venv/bin/python tools/replay.py ARCHIVE --speed 20
  the daemon         .venv/bin/umamba-rt check config/umamba-rt.toml
                     .venv/bin/umamba-rt run config/umamba-rt.toml
  its feed           .venv/bin/umamba-rt listen --topic magnitude.v2.
  a public server    config/geofon.toml"""


@dataclass(slots=True)
class Seen:
    """What the subscriber has received."""

    windows: int = 0
    states: dict[str, str] = field(default_factory=dict)
    latest: list[FeedMessage] = field(default_factory=list)
    stopped: bool = False

    def take(self, message: FeedMessage) -> None:
        """Note one message."""
        body = message.body
        if message.topic.startswith("magnitude."):
            self.windows += 1
            self.latest = [*self.latest[1 - LINES_KEPT :], message]
        elif message.topic.startswith("station."):
            self.states[message.sensor] = f"{body['state']}: {body['detail']}"


def main() -> int:
    """Run the demo; 0 when windows came through, 1 when not."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "").parse_args()
    console = Console()
    console.print("Starting a SeedLink server with real recordings, and the daemon ...")
    with tempfile.TemporaryDirectory(prefix="umamba-rt-demo-") as scratch:
        return _run(Path(scratch), console)


def _run(scratch: Path, console: Console) -> int:
    feed = f"ipc://{scratch}/feed"
    with _server() as port:
        config = scratch / "demo.toml"
        config.write_text(_config(port, feed), encoding="utf-8")
        log = scratch / "daemon.log"
        with log.open("wb") as sink, _daemon(config, sink) as daemon:
            seen = _watch(feed, daemon, console)
            ended = daemon.poll()
        text = log.read_text(encoding="utf-8")
    if not seen.windows or ended is not None:
        what = "No window came through." if ended is None else f"The daemon ended with {ended}."
        console.print(f"{what} Its log:\n{text}", style="red", markup=False)
        return 1
    console.print(_report(seen))
    console.print(NEXT_STEPS, highlight=False)
    return 0


def _config(port: int, feed: str) -> str:
    return f"""
[[seedlink]]
server = "127.0.0.1:{port}"
streams = ["*_*"]
[run]
mode = "replay"
heartbeat_s = 1.0
[query]
address = ""
[metrics]
address = ""
[publisher]
address = "{feed}"
"""


@contextmanager
def _server() -> Iterator[int]:
    """The replay server as a process of its own; gives its port."""
    command = [sys.executable, str(TOOLS / "replay.py"), "--demo", "--port", "0"]
    command += ["--speed", str(SPEED), "--linger", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith("listening on "):
                raise SystemExit(f"the replay server did not start: {line!r}")
            yield int(line.rsplit(":", 1)[1])
        finally:
            process.terminate()


@contextmanager
def _daemon(config: Path, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon as a process of its own; drained and ended at the end."""
    command = [sys.executable, "-m", "umamba_rt", "run", str(config)]
    with subprocess.Popen(command, stderr=log) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)


def _watch(feed: str, daemon: subprocess.Popen[bytes], console: Console) -> Seen:
    """Show the feed until its data end, the daemon ends, or time is up."""
    seen = Seen()
    ends_s = time.monotonic() + LONGEST_S
    quiet_since_s = time.monotonic()
    with Subscriber(feed, timeout_s=0.5) as subscriber, Live(console=console) as live:
        while time.monotonic() < ends_s and daemon.poll() is None:
            message = subscriber.receive()
            if message is not None:
                seen.take(message)
                if not message.topic.startswith("heartbeat"):
                    quiet_since_s = time.monotonic()
            live.update(_table(seen))
            if seen.windows and time.monotonic() - quiet_since_s > 4:
                break
    return seen


def _table(seen: Seen) -> Group:
    table = Table(title=f"the feed, {seen.windows} windows so far", title_justify="left")
    for name in ("sensor", "window ends", "M *", "SNR", "comp.", "gap", "data", "sent in"):
        side: Literal["left", "right"] = "left" if name in ("sensor", "comp.") else "right"
        table.add_column(name, justify=side, no_wrap=True)
    for message in seen.latest:
        body = message.body
        quality, latency = body["quality"], body["latency"]
        snr = "-" if quality["snr_db"] is None else f"{quality['snr_db']:.0f} dB"
        table.add_row(
            message.sensor,
            body["window_end"][11:19],
            f"{body['magnitude']:.2f}" + ("" if body["model"]["trained"] else "?"),
            snr,
            quality["components"],
            f"{quality['gap_s']:g} s",
            f"{latency['data_s']:.1f} s",
            f"{latency['processing_ms']:.0f} ms",
        )
    note = Text("* ? marks random weights: the number is no magnitude", style="dim")
    states = [Text(f"{name:<16} {state}") for name, state in sorted(seen.states.items())]
    return Group(table, note, *states)


def _report(seen: Seen) -> Text:
    return Text(
        f"\n{seen.windows} windows went from a SeedLink socket to this ZeroMQ subscriber.\n"
    )


if __name__ == "__main__":
    sys.exit(main())

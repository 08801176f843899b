#!/usr/bin/env python3
"""Take one message of each kind from a daemon that replays an archive, byte for byte.

Server, daemon and subscriber are processes and sockets as in production; the daemon has an address
for each format. Writes NAME.json and NAME.msgpack, which docs/feed.md shows and tests hold.

    tools/feed_examples.py ../shared/data/ridgecrest/sds \
        --start 2019-07-04T17:02:00 --end 2019-07-04T17:05:30 --select "CI.*"
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import zmq

from umamba_rt.cli import Parser, guarded
from umamba_rt.errors import UnavailableError
from umamba_rt.feed_docs import EXAMPLES, suits
from umamba_rt.io.stationxml import find_beside

TOOLS = Path(__file__).parent
FOLDER = TOOLS.parent / "docs" / "feed"
FORMATS = ("json", "msgpack")
# What arrives within so long of silence: the end of the archive, and the events' last windows.
QUIET_S = 20.0
_CONFIG = """
[[seedlink]]
server = "127.0.0.1:{port}"
streams = ["*_*"]
reconnect_min_s = 0.2
[run]
mode = "replay"
[model_v1]
enabled = true
[stations]
inventory = "{inventory}"
[query]
address = ""
[metrics]
address = ""
"""
_PUBLISHER = """
[[publisher]]
address = "ipc://{folder}/{form}"
format = "{form}"
high_water_mark = 1000000
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit status."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    for name in ("--start", "--end", "--select"):
        parser.add_argument(name, help="as of tools/replay.py")
    parser.add_argument("--speed", default="20", help="of the replay, a number or max")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder (%(default)s)")
    options = parser.parse_args(arguments)
    return guarded("feed_examples", lambda: take(options))


def take(options: argparse.Namespace) -> int:
    """Run the three processes and write what was wanted; returns 0.

    Raises:
        UnavailableError: the archive holds no example of a kind.
    """
    with (
        tempfile.TemporaryDirectory(prefix="feed-examples-") as scratch,
        _server(options) as port,
        _daemon(Path(scratch), port, options.archive),
    ):
        found = _collect(Path(scratch))
    options.output.mkdir(parents=True, exist_ok=True)
    for name in EXAMPLES:
        if name not in found:
            raise UnavailableError(str(options.archive), f"holds nothing for {name}")
        for form, body in found[name].items():
            (options.output / f"{name}.{form}").write_bytes(body)
        print(f"{name}: {len(found[name]['json'])} bytes of JSON")
    return 0


def _collect(scratch: Path) -> dict[str, dict[str, bytes]]:
    """The last message that suits each example, in both formats, with the same numbers."""
    context = zmq.Context()
    readers = {}
    for form in FORMATS:
        readers[form] = context.socket(zmq.SUB)
        readers[form].set(zmq.RCVHWM, 0)
        readers[form].set(zmq.SUBSCRIBE, b"")
        readers[form].connect(f"ipc://{scratch}/{form}")
    chosen: dict[str, int] = {}
    bodies: dict[str, dict[int, bytes]] = {form: {} for form in FORMATS}
    quiet_since_s = time.monotonic()
    while time.monotonic() - quiet_since_s < QUIET_S:
        if not readers["json"].poll(1000):
            continue
        topic, body = readers["json"].recv_multipart()
        message = json.loads(body)
        if topic != b"heartbeat":
            quiet_since_s = time.monotonic()
        for name in EXAMPLES:
            if suits(name, topic.decode(), message):
                chosen[name] = message["seq"]
                bodies["json"][message["seq"]] = body
    while readers["msgpack"].poll(1000):
        _, body = readers["msgpack"].recv_multipart()
        seq = msgspec.msgpack.decode(body)["seq"]
        if seq in chosen.values():
            bodies["msgpack"][seq] = body
    context.destroy(linger=0)
    return {name: {form: bodies[form][seq] for form in FORMATS} for name, seq in chosen.items()}


@contextmanager
def _server(options: argparse.Namespace) -> Iterator[int]:
    command = [sys.executable, str(TOOLS / "replay.py"), str(options.archive), "--port", "0"]
    command += ["--speed", options.speed, "--linger", "60"]
    for name in ("start", "end", "select"):
        value: Any = getattr(options, name)
        command += [f"--{name}", value] if value else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            line = server.stdout.readline() if server.stdout else ""
            yield int(line.rpartition(":")[2])
        finally:
            server.terminate()


@contextmanager
def _daemon(scratch: Path, port: int, archive: Path) -> Iterator[None]:
    stations = find_beside([archive])
    text = _CONFIG.format(port=port, inventory=stations[0] if stations else "")
    text += "".join(_PUBLISHER.format(folder=scratch, form=form) for form in FORMATS)
    (scratch / "config.toml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "umamba_rt", "run", str(scratch / "config.toml")]
    with (scratch / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as daemon:
        try:
            yield
        finally:
            daemon.terminate()


if __name__ == "__main__":
    sys.exit(main())

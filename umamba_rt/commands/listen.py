"""``umamba-rt listen``: print the feed of a running daemon, or record it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import zmq

from umamba_rt.commands.curve_plot import draw
from umamba_rt.commands.feed_line import as_line
from umamba_rt.errors import UnavailableError
from umamba_rt.feed import FeedMessage, Subscriber, client_keys
from umamba_rt.io.recording import Recorder

_MOST_COLUMNS = 100


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """What is wanted.

    Attributes:
        address: of the feed.
        query_address: of the history; None: the default one beside the default feed.
        topics: prefixes.
        minimum_magnitude: leaves out what has a lower one, or none.
        events_only: leaves out all but events of stations and of the network.
        evolution: draws V1's curve below its estimates.
        as_json: JSON lines.
        record: a file that gets each message, and the terminal none.
        count: end after so many messages.
        timeout_s: end when none comes for so long.
        server_key: the daemon's public key or its file; empty: no CURVE.
        key_file: our own pair of keys.
    """

    address: str
    query_address: str | None
    topics: list[str]
    minimum_magnitude: float | None = None
    events_only: bool = False
    evolution: bool = False
    as_json: bool = False
    record: Path | None = None
    count: int | None = None
    timeout_s: float | None = None
    server_key: str = ""
    key_file: str = ""

    def wants(self, message: FeedMessage) -> bool:
        """Whether a message passes the filters."""
        if self.events_only and message.kind not in ("event", "network"):
            return False
        if self.minimum_magnitude is None:
            return True
        magnitude = message.body.get("magnitude")
        return isinstance(magnitude, int | float) and magnitude >= self.minimum_magnitude


def listen(options: ListenOptions) -> int:
    """Print messages until interrupted, ``count`` were printed, or ``timeout_s`` brought none.

    Returns:
        0; 69 when ``timeout_s`` went by before the first message.

    Raises:
        UnavailableError: the address is none, what comes from there is not this feed, or a file
            cannot be used.
    """
    try:
        return _listen(options)
    except (zmq.ZMQError, ValueError, KeyError) as error:
        raise UnavailableError(options.address, str(error)) from error
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise UnavailableError(str(error.filename or options.record), str(error)) from error


def _listen(options: ListenOptions) -> int:
    handled = 0
    with ExitStack() as open_files:
        handle = _handler(options, open_files)
        with _subscriber(options) as feed:
            for message in _wanted(feed, options):
                handle(message)
                handled += 1
                if handled == options.count:
                    break
            missed = feed.missed
    if handled == 0:
        print(f"{options.address}: no message within {options.timeout_s:g} s", file=sys.stderr)
        return 69
    if missed:
        print(f"{missed} messages were sent but not received", file=sys.stderr)
    return 0


def _subscriber(options: ListenOptions) -> Subscriber:
    topics = options.topics or (["event."] if options.events_only else [""])
    secured = options.server_key or options.key_file
    return Subscriber(
        options.address,
        topics,
        timeout_s=options.timeout_s,
        query_address=options.query_address,
        keys=client_keys(options.server_key, options.key_file) if secured else None,
    )


def _wanted(feed: Subscriber, options: ListenOptions) -> Iterator[FeedMessage]:
    return (message for message in feed if options.wants(message))


def _handler(options: ListenOptions, open_files: ExitStack) -> Callable[[FeedMessage], None]:
    """What becomes of each message."""
    if options.record is not None:
        recorder = open_files.enter_context(Recorder(options.record))
        return lambda message: recorder.write(message.topic, message.raw)
    return lambda message: _print(message, options)


def _print(message: FeedMessage, options: ListenOptions) -> None:
    if options.as_json:
        line = json.dumps({"topic": message.topic, **message.body}, separators=(",", ":"))
        print(line, flush=True)
        return
    lines = [as_line(message)]
    magnitude = message.magnitude
    if options.evolution and magnitude is not None and "evolution" in magnitude:
        width = min(_MOST_COLUMNS, shutil.get_terminal_size().columns)
        plain = "utf" not in (sys.stdout.encoding or "").lower()
        lines += draw(magnitude["evolution"], width=max(21, width), plain=plain)
    print("\n".join(lines), flush=True)

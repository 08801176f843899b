"""Recordings of the feed: a file of JSON lines, ``{"topic": ..., "body": ...}``, bodies as sent."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Self


@dataclass(frozen=True, slots=True)
class Recorded:
    """One message of a recording.

    Attributes:
        topic: its topic.
        body: its bytes.
        sent_ns: when the daemon sent it, ns since 1970 UTC.
    """

    topic: str
    body: bytes
    sent_ns: int


def encode_line(topic: str, body: bytes) -> bytes:
    """A message as a line of a recording; the body is JSON on one line, as the feed sends it."""
    return b'{"topic":%s,"body":%s}\n' % (json.dumps(topic).encode(), body)


def decode_line(line: bytes) -> Recorded:
    """What ``encode_line`` gave.

    Raises:
        ValueError: the line is something else.
    """
    tree = json.loads(line)
    topic = tree.get("topic") if isinstance(tree, dict) else None
    body = tree.get("body") if isinstance(tree, dict) else None
    if not (isinstance(topic, str) and isinstance(body, dict)):
        raise ValueError("no topic and body")  # noqa: TRY004 - bad input
    if not isinstance(body.get("sent_at"), str):
        raise ValueError("a body without sent_at")  # noqa: TRY004 - bad input
    moment = datetime.fromisoformat(body["sent_at"])
    sent_ns = round(moment.replace(microsecond=0).timestamp()) * 10**9 + moment.microsecond * 1000
    raw = line.strip().removeprefix(b'{"topic":%s,"body":' % json.dumps(topic).encode())[:-1]
    as_sent = raw.startswith(b"{") and len(raw) < len(line.strip()) - 1
    return Recorded(topic, raw if as_sent else json.dumps(body).encode(), sent_ns)


def read_recording(path: Path, on_damage: Callable[[str], None]) -> Iterator[Recorded]:
    """The messages of a recording.

    Args:
        path: of the file.
        on_damage: is told of each line that is none, by file, line and reason; it is left out.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield decode_line(line)
            except (ValueError, RecursionError) as error:
                on_damage(f"{path}:{number}: {error}")


class Recorder:
    """Appends messages to a file, each on a line of its own; a context manager."""

    def __init__(self, path: Path) -> None:
        """Open the file, and make it where it is missing.

        Raises:
            OSError: it cannot be written, or the end of what it holds cannot be read.
        """
        self._is_cut = _ends_within_a_line(path)
        self._file: IO[bytes] = path.open("ab", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, topic: str, body: bytes) -> None:
        """Append a message in one write, which a kill does not cut.

        A full disk may: what is appended behind a cut line begins a new one.

        Raises:
            OSError: the disk takes no more.
        """
        line = encode_line(topic, body)
        rest = b"\n" + line if self._is_cut else line
        while rest:
            rest = rest[self._file.write(rest) :]
            self._is_cut = bool(rest)


def _ends_within_a_line(path: Path) -> bool:
    """Whether a full disk or a loss of power has cut the file's last line."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"

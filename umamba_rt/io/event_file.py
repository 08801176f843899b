"""The events' state on disk: where they were, and each window that was read since.

One file of lines, each a checksum and JSON: the state with the rules that it was made by, then a
line a window, and now and then a number: of how many of these windows it was told. What the kernel
took outlives a killed process; a power cut may take the end of it. The file begins anew from time
to time, written beside and renamed into place.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec
import structlog

from umamba_rt.config.events import EventsConfig
from umamba_rt.core.event_state import SavedEvents
from umamba_rt.core.station_event import Reading

_VERSION = 1
_MAX_BYTES = 256 << 20  # 300 stations in a swarm take 2 MB
_SUM_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class Left:
    """What an earlier run left.

    Attributes:
        version: of this format.
        rules: those that the events were made by.
        model: whose estimates they were made of.
        events: where they were.
    """

    version: int
    rules: EventsConfig
    model: str
    events: SavedEvents


class EventFile:
    """Written by one process, which may do so from several threads if it takes care of turns.

    Attributes:
        path: of the file.
        rules: what is left by others is passed over; written with what begins.
    """

    def __init__(self, path: Path, rules: EventsConfig, model: str) -> None:
        """Name the file; nothing is read or made.

        Args:
            path: see above.
            rules: see above.
            model: as the rules.
        """
        self.path = path
        self.rules = rules
        self._model = model
        self._file: BinaryIO | None = None

    def load(self) -> tuple[SavedEvents, list[Reading], int] | None:
        """What the last run left: a state, the readings since, and of how many it was told.

        None where there is nothing, or of other rules; also, with a warning, where it cannot be
        used. Of a file whose end is damaged, what stands before that counts.
        """
        try:
            with self.path.open("rb") as file:
                lines = file.read(_MAX_BYTES).splitlines(keepends=True)
            version = msgspec.json.decode(_checked(lines[0] if lines else b""), type=_Versioned)
            if version.version != _VERSION:
                raise ValueError(f"found version {version.version}, expected {_VERSION}")  # noqa: TRY301
            left = msgspec.json.decode(_checked(lines[0]), type=Left)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            self._warn(str(error))
            return None
        if (left.rules, left.model) != (self.rules, self._model):
            return None
        return left.events, *self._readings(lines[1:])

    def saved_ns(self) -> int:
        """When the file was last written, ns since 1970 UTC; 0 where there is none."""
        try:
            return self.path.stat().st_mtime_ns
        except OSError:
            return 0

    def begin(self, events: SavedEvents, since: Iterable[Reading], told: int = 0) -> None:
        """Replace the file; ``append`` goes on behind.

        Args:
            events: where they are.
            since: what they have read since then, or is on its way to them.
            told: of how many of these it was told.

        Raises:
            OSError: it cannot be written; the old file stays.
        """
        self.close()
        beside = self.path.with_name(self.path.name + ".new")
        left = Left(_VERSION, self.rules, self._model, events)
        file = beside.open("wb", buffering=0)
        try:
            _write(
                file, b"".join([_line(left), *map(_line, since), *([_line(told)] if told else [])])
            )
            beside.replace(self.path)
        except OSError:
            file.close()
            raise
        self._file = file

    def append(self, what: Reading | int) -> None:
        """Note a reading, or of how many it was told since the file began.

        Without effect before ``begin``, and behind a failure until the next one.

        Raises:
            OSError: it cannot be written.
        """
        if self._file is None:
            return
        try:
            _write(self._file, _line(what))
        except OSError:
            self.close()  # half a line may be there
            raise

    def close(self) -> None:
        """Append no more."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _readings(self, lines: list[bytes]) -> tuple[list[Reading], int]:
        readings: list[Reading] = []
        told = 0
        for number, line in enumerate(lines, 2):
            try:
                one = msgspec.json.decode(_checked(line), type=Reading | int)
                if isinstance(one, int):
                    told = one
                else:
                    readings.append(one)
            except (ValueError, msgspec.MsgspecError) as error:
                self._warn(f"line {number}: {error}")
                break
        return readings, told

    def _warn(self, reason: str) -> None:
        structlog.get_logger().warning("events_unreadable", file=str(self.path), reason=reason)


@dataclass(frozen=True, slots=True)
class _Versioned:
    """As much as every version has."""

    version: int


def _line(content: Left | Reading | int) -> bytes:
    text = msgspec.json.encode(content)
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _checked(line: bytes) -> bytes:
    """The JSON of a line.

    Raises:
        ValueError: it is not what was written.
    """
    found, text = line[:_SUM_CHARACTERS], line[_SUM_CHARACTERS + 1 : -1]
    if not line.endswith(b"\n") or found != b"%08x" % zlib.crc32(text):
        raise ValueError("the checksum is not that of the line")
    return text


def _write(file: BinaryIO, content: bytes) -> None:
    """All of it: a disk that fills up takes a part without a word."""
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]

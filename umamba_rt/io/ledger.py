"""The ledger: the last window sent of each sensor and model, one line each, kept over a kill.

A line has a fixed place and 128 bytes, and is written over in one ``pwrite``. What the kernel took
outlives a killed process; a power cut may take what was written since the last ``sync``.
"""

from __future__ import annotations

import os
import re
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

from umamba_rt.errors import StateError
from umamba_rt.io.statefile import sync_folder, write_durably

_LINE_BYTES = 128  # divides a page, so that no line lies on two
_HEADER = "#umamba-rt ledger 1: sensor, model, last window begun and last sent (samples since 1970)"
_LINE = re.compile(r"(\S+) (\S+) (-?\d{1,19}) (-?\d{1,19}) ([0-9a-f]{8}) *\n")


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a sensor's windows went out under one model.

    Attributes:
        begun: grid index of the last window whose sending began.
        sent: grid index of the last window that is known to have left, or was decided otherwise.
    """

    begun: int
    sent: int


class Ledger:
    """Marks by sensor and model; may be used from several threads.

    ``put`` never raises and never waits for a disk: what cannot be written stays in memory, and
    ``sync`` tries again and says why not.
    """

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is read or made."""
        self.path = path
        self._marks: dict[tuple[str, str], Mark] = {}
        self._places: dict[tuple[str, str], int] = {}
        self._unwritten: set[tuple[str, str]] = set()
        self._unsynced = self._is_doubtful = False
        self._file: int | None = None
        self._lock = threading.Lock()

    @property
    def marks(self) -> dict[tuple[str, str], Mark]:
        """A copy of all marks, by sensor and model."""
        with self._lock:
            return dict(self._marks)

    def get(self, sensor: str, model: str) -> Mark | None:
        """The mark of a sensor under a model, or None."""
        return self._marks.get((sensor, model))

    def put(self, sensor: str, model: str, mark: Mark) -> None:
        """Set a mark; it outlives the process from here on."""
        key = sensor, model
        with self._lock:
            self._marks[key] = mark
            try:
                self._write(key)
            except OSError:
                self._unwritten.add(key)

    def drop(self, sensor: str, model: str) -> None:
        """Forget a mark that was loaded; to be called before the first ``sync``."""
        del self._marks[sensor, model]

    def load(self) -> None:
        """Read the marks of the last run; none where there is no file yet.

        Raises:
            OSError: it cannot be read.
            StateError: lines are damaged; the good ones are taken.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        damaged = 0
        for begin in range(_LINE_BYTES, len(content), _LINE_BYTES):
            found = _parsed(content[begin : begin + _LINE_BYTES])
            if found is None:
                damaged += 1
            else:
                self._marks[found[0]] = found[1]
        if damaged or not content.startswith(_HEADER.encode()):
            detail = f"{damaged} damaged lines, {len(self._marks)} good ones"
            raise StateError(str(self.path), "corrupt", detail)

    def sync(self) -> None:
        """Write what could not be written before, and have the disk keep all of it.

        Raises:
            OSError: it cannot be written; the marks stay in memory, and the next call writes all
                of them into a new file.
        """
        if self._file is None or self._is_doubtful:
            self._make()
        with self._lock:
            for key in list(self._unwritten):
                self._write(key)
                self._unwritten.discard(key)
            file, dirty, self._unsynced = self._file, self._unsynced, False
        if dirty and file is not None:
            try:
                os.fdatasync(file)
            except OSError:
                # Linux says so once, and then takes the pages that it could not write for written.
                self._is_doubtful = True
                raise

    def close(self) -> None:
        """Close the file; marks set later stay in memory."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _make(self) -> None:
        """A new file of all marks, which replaces the old one; ``put`` does not wait for it."""
        marks = self.marks
        lines = [_HEADER.ljust(_LINE_BYTES - 1).encode() + b"\n"]
        places: dict[tuple[str, str], int] = {}
        for key, mark in marks.items():
            if len(line := _line(key, mark)) == _LINE_BYTES:
                lines.append(line)
                places[key] = len(places) + 1
        beside = self.path.with_name(self.path.name + ".anew")
        write_durably(beside, b"".join(lines))
        with self._lock:
            self._go_on_in(beside, places, marks)
        sync_folder(self.path.parent)
        self._is_doubtful = False

    def _go_on_in(
        self,
        beside: Path,
        places: dict[tuple[str, str], int],
        marks: dict[tuple[str, str], Mark],
    ) -> None:
        """Put a file into the old one's place, with the marks that were set meanwhile."""
        former = self._file, self._places
        self._file, self._places = os.open(beside, os.O_RDWR | os.O_CLOEXEC), places
        try:
            for key, mark in self._marks.items():
                if marks.get(key) != mark:
                    self._write(key)
            beside.replace(self.path)
        except OSError:
            os.close(self._file)
            self._file, self._places = former
            raise
        self._unwritten.clear()
        if former[0] is not None:
            os.close(former[0])

    def _write(self, key: tuple[str, str]) -> None:
        if self._file is None:
            self._unwritten.add(key)
            return
        line = _line(key, self._marks[key])
        if len(line) > _LINE_BYTES:
            return  # no network's codes are that long; such a sensor's windows are not remembered
        place = self._places.setdefault(key, len(self._places) + 1)
        os.pwrite(self._file, line, place * _LINE_BYTES)
        self._unsynced = True


def _line(key: tuple[str, str], mark: Mark) -> bytes:
    text = f"{key[0]} {key[1]} {mark.begun} {mark.sent}"
    line = f"{text} {zlib.crc32(text.encode()):08x}"
    return line.ljust(_LINE_BYTES - 1).encode() + b"\n"


def _parsed(line: bytes) -> tuple[tuple[str, str], Mark] | None:
    match = _LINE.fullmatch(line.decode("ascii", "replace"))
    if match is None:
        return None
    sensor, model, begun, sent, checksum = match.groups()
    text = f"{sensor} {model} {begun} {sent}"
    if zlib.crc32(text.encode()) != int(checksum, 16):
        return None
    return (sensor, model), Mark(int(begun), int(sent))

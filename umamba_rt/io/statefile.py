"""A server's state file: which packet of each stream to go on behind, in libslink's format.

Source: EarthScope/libslink:statefile.c, read, not copied: the header ``#V2 StationID  Sequence
[Timestamp]``, then a line a stream, the number decimal or ``UNSET``; without the header, the older
``NET STA Sequence [Timestamp]``. Lines that begin with ``#`` are comments; ours names the server.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from umamba_rt.core.timebase import rfc3339
from umamba_rt.errors import StateError

_HEADER = "#V2 StationID  Sequence  [Timestamp]"
_SERVER = "# server "
_MAX_BYTES = 16 << 20  # 100,000 streams take 5 MB; a larger file is none of ours
_STATION = re.compile(r"[!-~]{1,64}")
_NUMBER = re.compile(r"[0-9]{1,20}")
_UNSET = ("UNSET", "-1")


@dataclass(frozen=True, slots=True)
class Position:
    """A packet to go on behind.

    Attributes:
        sequence: its sequence number.
        time_ns: its first sample's time, ns since 1970 UTC; None where it is not known.
    """

    sequence: int
    time_ns: int | None


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file as a whole: after a kill or a power cut it is the old one or the new one.

    The content is synchronised before the rename, the folder behind it: some file systems would
    else keep a renamed but empty file, or the old name.

    Raises:
        OSError: it cannot be written; the old file is untouched.
    """
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Have the disk keep the names in a folder.

    Raises:
        OSError: it cannot.
    """
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def set_aside(path: Path, reason: str) -> Path:
    """Rename a file that cannot be used, so that it can be looked at; gives its new name.

    Raises:
        OSError: it cannot be renamed.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return path.replace(path.with_name(f"{path.name}.{reason}-{stamp}"))


class StateFile:
    """The file of one server, ``HOST_PORT.state`` in the state directory."""

    def __init__(self, directory: Path, server: str, number: int = 0) -> None:
        """Name the file; nothing is read.

        Args:
            directory: where it lies.
            server: ``host:port``.
            number: tells several blocks for the same server apart.
        """
        name = re.sub(r"[^A-Za-z0-9.-]+", "_", server).strip("_")
        suffix = f".{number}" if number else ""
        self.path = directory / f"{name}{suffix}.state"
        self._server = server
        self._saved: bytes | None = None

    def load(self) -> dict[str, Position]:
        """Read the streams' positions; nothing where there is no file yet.

        Raises:
            OSError: it cannot be read.
            StateError: it is damaged, or another server's.
        """
        try:
            with self.path.open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            return {}
        if len(content) > _MAX_BYTES:
            raise StateError(str(self.path), "corrupt", f"over {_MAX_BYTES} bytes")
        return self._parse(content)

    def save(self, positions: Mapping[str, Position | None]) -> None:
        """Write the streams' positions, durably, if they have changed since the last call.

        Raises:
            OSError: they cannot be written; the last state stays.
        """
        lines = [_HEADER, _SERVER + self._server]
        for station_id, position in positions.items():
            if position is None:
                lines.append(f"{station_id} UNSET")
            else:
                time = "" if position.time_ns is None else f" {rfc3339(position.time_ns)}"
                lines.append(f"{station_id} {position.sequence}{time}")
        content = ("\n".join(lines) + "\n").encode("ascii")
        if content != self._saved:
            write_durably(self.path, content)
            self._saved = content

    def _parse(self, content: bytes) -> dict[str, Position]:
        try:
            text = content.decode("ascii")
        except UnicodeDecodeError as error:
            raise self._corrupt(f"byte {error.start} is not ASCII") from error
        if not text.endswith("\n"):
            # A number that lost its last digits would be another packet's.
            raise self._corrupt("its last line is cut off")
        lines = text.splitlines()
        legacy = not lines[0].startswith("#V2")
        positions: dict[str, Position] = {}
        for number, line in enumerate(lines, 1):
            if line.startswith(_SERVER) and line.removeprefix(_SERVER).strip() != self._server:
                detail = f"it is of {line.removeprefix(_SERVER).strip()}, expected {self._server}"
                raise StateError(str(self.path), "other-server", detail)
            if not line.startswith("#") and (words := line.split()):
                self._read_line(words, positions, legacy=legacy, number=number)
        return positions

    def _read_line(
        self, words: list[str], positions: dict[str, Position], *, legacy: bool, number: int
    ) -> None:
        if legacy and len(words) >= 3:
            station_id = "*" if words[:2] == ["XX", "UNI"] else f"{words[0]}_{words[1]}"
            words = [station_id, *words[2:]]
        if not 2 <= len(words) <= 3 or not _STATION.fullmatch(words[0]):
            raise self._corrupt(f"line {number} is no station, number and time")
        if words[1] in _UNSET:
            return
        if not _NUMBER.fullmatch(words[1]) or int(words[1]) >= 1 << 64:
            raise self._corrupt(f"line {number} has no sequence number: {words[1][:30]}")
        time_ns = self._time_ns(words[2], number) if len(words) == 3 else None
        positions[words[0]] = Position(int(words[1]), time_ns)

    def _time_ns(self, text: str, number: int) -> int:
        """A time of ours, or libslink's old ``2024,08,03,17,23,18``."""
        try:
            if "," in text:
                fields = [int(field) for field in text.split(",")[:6]]
                moment = datetime(*fields, tzinfo=UTC)  # type: ignore[arg-type, misc]
            else:
                moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
        except (ValueError, TypeError) as error:
            raise self._corrupt(f"line {number} has no time: {text[:40]}") from error
        whole_s = round(moment.replace(microsecond=0).timestamp())
        return whole_s * 1_000_000_000 + moment.microsecond * 1000

    def _corrupt(self, detail: str) -> StateError:
        return StateError(str(self.path), "corrupt", detail)

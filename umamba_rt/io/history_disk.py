"""The feed's history on disk: files of records, the oldest deleted as new ones come.

One thread writes what the feed sends, a fifth of a second later; a disk that is slow or full costs
history and nothing else. Files outlive the process, so that a subscriber gets the end of the last
session, too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from umamba_rt.history_page import Page, PageBuilder, PageLimits
from umamba_rt.rate_limit import RateLimit
from umamba_rt.wire.history_record import Entry, decode_records, encode_record

_NAME = re.compile(r"(\d{8})\.([0-9a-f]{1,64})\.(\d{1,19})\.history")
_WRITE_EVERY_S = 0.2
_RETRY_S = 10.0
_WARN_EVERY_S = 60.0
# What may wait for a disk that is slow: at 600 messages a second that is 15 s.
_MAX_WAITING_BYTES = 8 << 20
_MAX_FILE_BYTES = 4 << 20  # read as a whole for a page: 2 ms
_LEAST_FILE_BYTES = 64 << 10
_MAX_EXAMINED = 10_000
_CURSORS = 64
# What a disk says that has no room; the file is as good as before.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(slots=True)
class _File:
    """One file: messages of one session, from ``first`` on."""

    number: int
    session: str
    first: int
    path: Path
    size: int


class DiskHistory:
    """Messages of this session and of earlier ones; for several threads.

    Attributes:
        skipped: messages that are not on disk since it was slow or full.
        failures: writes that failed, and old files that could not be deleted.
    """

    def __init__(self, directory: Path, session: str, *, max_bytes: int) -> None:
        """Find what earlier runs left, and begin to write.

        Args:
            directory: made where it is missing; one process at a time may use it.
            session: of the messages to come.
            max_bytes: of all files together.
        """
        self.skipped = 0
        self.failures = 0
        self._directory, self._session, self._max_bytes = directory, session, max_bytes
        self._file_bytes = min(_MAX_FILE_BYTES, max(_LEAST_FILE_BYTES, max_bytes // 16))
        self._waiting: list[bytes] = []
        self._waiting_first = 0
        self._waiting_bytes = 0
        self._lock = threading.Lock()  # of what waits, and of the list of files
        self._handle: int | None = None
        self._resting_until_s = self._deleting_from_s = 0.0
        self._cursors: OrderedDict[tuple[str, int], tuple[Path, int]] = OrderedDict()
        self._log = structlog.get_logger()
        self._warning = RateLimit(_WARN_EVERY_S)
        self._files = self._found()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="umamba-history", daemon=True)
        self._thread.start()

    def take(self, entry: Entry) -> None:
        """Have a message written soon; never waits."""
        record = encode_record(entry)
        with self._lock:
            if self._waiting_bytes + len(record) > _MAX_WAITING_BYTES:
                self.skipped += 1
                return
            if self._waiting:
                self._waiting.append(record)
            else:
                self._waiting, self._waiting_first = [record], entry.seq
            self._waiting_bytes += len(record)

    def figures(self) -> dict[str, int]:
        """What is there, and what went wrong."""
        with self._lock:
            size = sum(file.size for file in self._files)
            return {
                "disk_files": len(self._files),
                "disk_bytes": size,
                "disk_skipped": self.skipped,
                "disk_failures": self.failures,
            }

    def sessions(self) -> list[str]:
        """The sessions of which there is something, the oldest first."""
        with self._lock:
            return list(dict.fromkeys(file.session for file in self._files))

    def since(self, session: str, seq: int, topics: Sequence[str], limits: PageLimits) -> Page:
        """The messages of a session behind a number; reads files.

        Args:
            session: one of ``sessions``.
            seq: of the last message that is not wanted.
            topics: prefixes of topics.
            limits: what the page may hold.
        """
        with self._lock:
            files = [file for file in self._files if file.session == session]
        reading = _Reading(seq, PageBuilder(topics, limits), files[0].first if files else seq + 1)
        begin = max((n for n, file in enumerate(files) if file.first <= seq + 1), default=0)
        known = self._cursors.pop((session, seq), None)
        for file in files[begin:]:
            offset = known[1] if known is not None and known[0] == file.path else 0
            try:
                content = file.path.read_bytes()
            except OSError:  # deleted meanwhile, or unreadable: the next one shows the hole
                continue
            stopped_at = reading.read(content, offset)
            if stopped_at is not None:
                self._cursors[session, reading.through] = file.path, stopped_at
                while len(self._cursors) > _CURSORS:
                    self._cursors.popitem(last=False)
                return reading.page(more=True)
        return reading.page(more=False)

    def close(self) -> None:
        """Write what waits, and end."""
        self._stopping.set()
        self._thread.join()

    def _found(self) -> list[_File]:
        files = []
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            for path in sorted(self._directory.iterdir()):
                if match := _NAME.fullmatch(path.name):
                    number, session, first = match.groups()
                    if size := path.stat().st_size:
                        files.append(_File(int(number), session, int(first), path, size))
                    else:  # of a run that was killed while the disk was full
                        path.unlink()
        except OSError as error:
            self._failed(error)
        return files

    def _run(self) -> None:
        while not self._stopping.wait(_WRITE_EVERY_S):
            self._write()
        self._write()
        self._drop_handle()

    def _write(self) -> None:
        with self._lock:
            records, first = self._waiting, self._waiting_first
            self._waiting, self._waiting_bytes = [], 0
        if not records:
            return
        if time.monotonic() < self._resting_until_s:
            self.skipped += len(records)
            return
        try:
            self._append(b"".join(records), first)
        except OSError as error:
            self.skipped += len(records)
            self._resting_until_s = time.monotonic() + _RETRY_S
            self._failed(error)

    def _append(self, content: bytes, first: int) -> None:
        if self._handle is None or self._files[-1].size >= self._file_bytes:
            self._begin_file(first)
        assert self._handle is not None
        file = self._files[-1]
        try:
            done = 0
            while done < len(content):
                done += os.write(self._handle, content[done:])
        except OSError as error:
            self._go_back(self._handle, file, error)
            raise
        file.size += len(content)
        self._delete_oldest()

    def _go_back(self, handle: int, file: _File, error: OSError) -> None:
        """After a write that failed: a full disk gets no new file with each try."""
        is_whole = False
        with contextlib.suppress(OSError):  # a half record ends the file all the same
            os.ftruncate(handle, file.size)
            is_whole = True
        if file.size and is_whole and error.errno in _NO_ROOM:
            return
        self._drop_handle()
        if not file.size:
            with contextlib.suppress(OSError):
                file.path.unlink()
            with self._lock:
                self._files.remove(file)

    def _begin_file(self, first: int) -> None:
        self._drop_handle()
        number = self._files[-1].number + 1 if self._files else 1
        path = self._directory / f"{number:08d}.{self._session}.{first}.history"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        self._handle = os.open(path, flags, 0o640)
        with self._lock:
            self._files.append(_File(number, self._session, first, path, 0))

    def _delete_oldest(self) -> None:
        """Keep within ``max_bytes``; for a file that cannot be deleted the next one goes."""
        excess = sum(file.size for file in self._files) - self._max_bytes
        if excess <= 0 or time.monotonic() < self._deleting_from_s:
            return
        for file in self._files[:-1]:
            try:
                file.path.unlink(missing_ok=True)
            except OSError as error:
                self._deleting_from_s = time.monotonic() + _RETRY_S
                self._failed(error)
                continue
            with self._lock:
                self._files.remove(file)
            excess -= file.size
            if excess <= 0:
                return

    def _drop_handle(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _failed(self, error: OSError) -> None:
        self.failures += 1
        if (events := self._warning.passes()) is not None:
            self._log.warning("history_not_saved", reason=str(error), events=events)


class _Reading:
    """Files of a session, read from a number on until a page is full."""

    def __init__(self, seq: int, builder: PageBuilder, whole_from: int) -> None:
        self.through = seq
        self._builder = builder
        self._examined = 0
        self._gone = False
        self._whole_from = whole_from

    def read(self, content: bytes, offset: int) -> int | None:
        """Take a file's records; where it stopped, or None at the file's end."""
        for entry, following in decode_records(content, offset):
            if entry.seq > self.through:
                if self._examined >= _MAX_EXAMINED or not self._builder.add(entry):
                    return offset
                if entry.seq > self.through + 1:
                    self._gone, self._whole_from = True, entry.seq
                self.through = entry.seq
                self._examined += 1
            offset = following
        return None

    def page(self, *, more: bool) -> Page:
        """What was read."""
        entries = self._builder.entries
        return Page(entries, self.through, self._gone, self._whole_from, more)

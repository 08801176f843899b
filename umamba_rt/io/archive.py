"""Archives on disk, read to 512-byte records in the order in which dataloggers let them go.

miniSEED is read by pymseed, everything else by ``obspy.read``. Nothing is merged: a run goes on
while each record's own time agrees with the run's to `_TIME_TOLERANCE_NS` and its header says the
same of clock and samples, then a new one begins.
All records are held in memory, once for all clients (some 700 bytes each: an hour of 13 stations
at 100 Hz takes 40 MB).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias, cast

import numpy as np

from umamba_rt.core.ids import SourceId
from umamba_rt.core.leap import settle_leap
from umamba_rt.core.segment import RecordFlag, SampleArray, Segment
from umamba_rt.errors import RecordError, UnavailableError
from umamba_rt.io.miniseed_file import read_records
from umamba_rt.io.obspy_source import read_any, read_demo
from umamba_rt.io.unpack import is_packed, unpack
from umamba_rt.wire.record import NS, ReplayRecord, pack_segment

# Without blockette 1001 miniSEED 2 tells time in steps of 0.1 ms; within that, records agree.
_TIME_TOLERANCE_NS = 101_000

_LEAP = RecordFlag.LEAP_ADDED | RecordFlag.LEAP_REMOVED

Warn: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ArchiveChoice:
    """Which part of an archive is wanted.

    Attributes:
        start_ns: first sample time, ns since 1970 UTC; None: no bound.
        end_ns: samples before this time, ns since 1970 UTC; None: no bound.
        select: globs over ``NET.STA.LOC.CHA``, any of which lets a channel through; empty: all.
            An empty location may be written ``--``.
    """

    start_ns: int | None = None
    end_ns: int | None = None
    select: tuple[str, ...] = ()

    def wants(self, source_id: SourceId) -> bool:
        """Whether a channel is wanted."""
        head, tail = f"{source_id.network}.{source_id.station}", source_id.channel
        names = {
            f"{head}.{place}.{tail}" for place in (source_id.location, source_id.location or "--")
        }
        return not self.select or any(fnmatchcase(n, glob) for n in names for glob in self.select)

    def cut(self, segment: Segment) -> Segment | None:
        """The part of a run that lies between the bounds, or None."""
        first, last = 0, len(segment.samples)
        if self.start_ns is not None:
            first = max(0, _samples_before(segment, self.start_ns))
        if self.end_ns is not None:
            last = min(last, _samples_before(segment, self.end_ns))
        if last <= first:
            return None
        start_ns = segment.start_ns + round(first * NS / segment.rate_hz)
        return replace(segment, start_ns=start_ns, samples=segment.samples[first:last])


@dataclass(frozen=True, slots=True)
class Archive:
    """What was read.

    Attributes:
        records: in time order; the n-th (from 1) has sequence number n.
        warnings: what could not be read and was left out, one line each.
    """

    records: tuple[ReplayRecord, ...]
    warnings: tuple[str, ...] = ()


def read_archive(paths: Sequence[Path], choice: ArchiveChoice | None = None) -> Archive:
    """Read files and folders (SDS or any other).

    What cannot be read, a record, a channel or a file, is left out with a warning.

    Raises:
        UnavailableError: nothing of a named file can be read, or nothing is left to serve.
    """
    choice = choice or ArchiveChoice()
    records: list[ReplayRecord] = []
    warnings: list[str] = []
    for path in paths:
        for file in _files(path):
            before, told = len(records), len(warnings)
            try:
                records.extend(_pack(_read_file(file, warnings.append), choice, warnings.append))
            except (RecordError, UnavailableError) as error:
                if file == path:
                    raise UnavailableError(str(file), error.reason) from error
                warnings.append(f"{file}: left out: {error.reason}")
            if file == path and len(records) == before and len(warnings) > told:
                raise UnavailableError(str(file), warnings[told])
    return _archive(records, ", ".join(map(str, paths)), warnings)


def demo_records(choice: ArchiveChoice | None = None) -> Archive:
    """Four minutes of six stations' channels that obspy installs with its tests.

    Raises:
        UnavailableError: the installed obspy has them not.
    """
    warnings: list[str] = []
    records = list(_pack(read_demo(), choice or ArchiveChoice(), warnings.append))
    return _archive(records, "the demo data of obspy", warnings)


def _archive(records: list[ReplayRecord], what: str, warnings: list[str]) -> Archive:
    if not records:
        reason = "; ".join(["no record to serve", *warnings[:3]])
        raise UnavailableError(what, reason)
    records.sort(key=lambda r: (r.end_ns, str(r.source_id), r.start_ns))
    return Archive(tuple(records), tuple(warnings))


def _pack(segments: Iterable[Segment], choice: ArchiveChoice, warn: Warn) -> Iterator[ReplayRecord]:
    for segment in segments:
        cut = choice.cut(segment) if choice.wants(segment.source_id) else None
        if cut is None:
            continue
        try:
            yield from list(pack_segment(cut))
        except RecordError as error:
            warn(str(error))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        # No waveform format that obspy reads is XML: such files are metadata beside the data.
        files = (file for file in path.rglob("*") if file.suffix.lower() != ".xml")
        return sorted(file for file in files if file.is_file())
    if not path.exists():
        raise UnavailableError(str(path), "no such file or directory")
    return [path]


def _read_file(path: Path, warn: Warn) -> Iterator[Segment]:
    head = _head(path)
    if is_packed(head):
        return _read_packed(path, warn)
    return _runs(read_records(path, warn)) if _is_miniseed(head) else read_any(path, warn)


def _read_packed(path: Path, warn: Warn) -> Iterator[Segment]:
    """Read a file unpacked, so that compressed miniSEED passes the same checks as any other."""
    with TemporaryDirectory() as folder:
        plain = Path(folder) / path.stem
        unpack(path, plain)
        if is_packed(_head(plain)):
            raise RecordError(str(path), "compressed twice")
        yield from _read_file(plain, lambda text: warn(text.replace(str(plain), str(path))))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise UnavailableError(str(path), error.strerror or str(error)) from error
    if not head:
        raise UnavailableError(str(path), "the file is empty")
    return head


def _is_miniseed(head: bytes) -> bool:
    """Tell miniSEED 3 by its first bytes, 2 by its six digits and quality (SEED 2.4, ch. 8)."""
    return head[:3] == b"MS\x03" or (
        all(byte in b"0123456789 \0" for byte in head[:6]) and head[6:7] in (b"D", b"R", b"Q", b"M")
    )


@dataclass(slots=True)
class _Run:
    """Records of one channel that follow each other without a gap and say the same."""

    first: Segment
    pieces: list[SampleArray]
    count: int

    def continues(self, record: Segment) -> bool:
        expected_ns = self.first.start_ns + round(self.count * NS / self.first.rate_hz)
        return (
            _stated(record) == _stated(self.first)
            and abs(record.start_ns - expected_ns) <= _TIME_TOLERANCE_NS
        )

    def add(self, samples: SampleArray) -> None:
        self.pieces.append(samples)
        self.count += len(samples)

    def segment(self) -> Segment:
        samples = np.concatenate(self.pieces)
        return replace(self.first, samples=cast("SampleArray", samples))


def _without_leap(record: Segment) -> Iterator[Segment]:
    """A record as UTC counts it: packed to shorter ones, a flag would hold for some of them."""
    for part in settle_leap(record):
        yield replace(part, flags=part.flags & ~_LEAP)


def _stated(record: Segment) -> tuple[object, ...]:
    # A new run each month: of one over a leap second, which comes at its end, libmseed packs what
    # is behind it with times of a second earlier.
    begin = datetime.fromtimestamp(record.start_ns // NS, tz=UTC)
    month = begin.year, begin.month
    return record.rate_hz, record.samples.dtype, record.timing_quality, record.flags, month


def _runs(records: Iterable[Segment]) -> Iterator[Segment]:
    """Join the records of each channel that follow each other without a gap."""
    open_runs: dict[SourceId, _Run] = {}
    for record in chain.from_iterable(map(_without_leap, records)):
        run = open_runs.get(record.source_id)
        if run is not None and run.continues(record):
            run.add(record.samples)
            continue
        if run is not None:
            yield run.segment()
        open_runs[record.source_id] = _Run(record, [record.samples], len(record.samples))
    for run in open_runs.values():
        yield run.segment()


def _samples_before(segment: Segment, time_ns: int) -> int:
    """How many of a run's samples, if it went on for ever both ways, lie before a time."""
    return int(np.ceil((time_ns - segment.start_ns) * segment.rate_hz / NS - 1e-6))

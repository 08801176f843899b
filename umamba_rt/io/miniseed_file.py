"""miniSEED files to records, past damage: what cannot be read is named and left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from pymseed import MiniSEEDError, MS3Record

from umamba_rt.core.segment import Segment
from umamba_rt.errors import RecordError, UnavailableError
from umamba_rt.wire.mseed import decode_record

# How records of miniSEED 2 and 3 begin; after damage the next is looked for at any byte, for
# records of miniSEED 3 have any length, and what was lost or put in may have any, too.
_BEGIN = re.compile(rb"[0-9 \0]{6}[DRQM][ \0]|MS\x03")
_LONGEST_RECORD = 1 << 20


def read_records(path: Path, warn: Callable[[str], None]) -> Iterator[Segment]:
    """Read every record of a file that can be read, in the order of the file.

    Records without samples or a rate (logs, state of health as text) are passed over.

    Args:
        path: a miniSEED file.
        warn: is told of each record that is refused and each stretch that holds none.

    Raises:
        UnavailableError: the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnavailableError(str(path), error.strerror or str(error)) from error
    offset, lost_from = 0, None
    while offset < len(content):
        header = _header(content, offset)
        if header is None:
            lost_from = offset if lost_from is None else lost_from
            found = _BEGIN.search(content, offset + 1)
            offset = found.start() if found else len(content)
            continue
        if lost_from is not None:
            warn(f"{path}: no record in bytes {lost_from} to {offset - 1}")
            lost_from = None
        payload = content[offset : offset + header.reclen]
        offset += header.reclen
        if header.samplecnt <= 0 or header.samprate <= 0 or header.encoding == 0:
            continue
        try:
            yield decode_record(payload, source=f"{path}, byte {offset - len(payload)}")
        except RecordError as error:
            warn(f"{error} (at {header.starttime_str()})")
    if lost_from is not None:
        warn(f"{path}: no record in bytes {lost_from} to {len(content) - 1}")


def _header(content: bytes, offset: int) -> MS3Record | None:
    """The record that begins at an offset, header only, or None where none does."""
    try:
        return MS3Record.parse(memoryview(content)[offset : offset + _LONGEST_RECORD])
    except (MiniSEEDError, ValueError):
        return None

"""Compressed waveform files, unpacked to a bounded size."""

from __future__ import annotations

import bz2
import gzip
import zipfile
import zlib
from pathlib import Path

from umamba_rt.errors import RecordError

# A day of one channel at 200 Hz takes 70 MB as text; 1 GiB in memory is a mistake or an attack.
MAX_UNPACKED_BYTES = 1 << 30
_CHUNK_BYTES = 1 << 20


def is_packed(head: bytes) -> bool:
    """Tell gzip and bzip2 by their first bytes (RFC 1952, 2.3.1; bzip2's ``BZh``)."""
    return head[:2] == b"\x1f\x8b" or head[:3] == b"BZh"


def unpack(path: Path, target: Path) -> None:
    """Unpack a gzip or bzip2 file.

    Args:
        path: the compressed file.
        target: where its content goes.

    Raises:
        RecordError: it is damaged, or holds over `MAX_UNPACKED_BYTES`.
    """
    size = 0
    try:
        with path.open("rb") as file, target.open("wb") as output:
            gzipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            with gzip.GzipFile(fileobj=file) if gzipped else bz2.BZ2File(file) as content:
                while chunk := content.read(_CHUNK_BYTES):
                    size += len(chunk)
                    if size > MAX_UNPACKED_BYTES:
                        raise RecordError(str(path), f"over {MAX_UNPACKED_BYTES} bytes, unpacked")
                    output.write(chunk)
    except (OSError, EOFError, zlib.error) as error:
        raise RecordError(str(path), str(error)) from error


def check_zip(path: Path) -> None:
    """Refuse a ZIP file whose members are too large; other files are no matter.

    Raises:
        RecordError: its members take over `MAX_UNPACKED_BYTES`, or its directory is damaged.
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except (OSError, zipfile.BadZipFile) as error:
        raise RecordError(str(path), str(error)) from error
    if size > MAX_UNPACKED_BYTES:
        raise RecordError(str(path), f"over {MAX_UNPACKED_BYTES} bytes, unpacked")

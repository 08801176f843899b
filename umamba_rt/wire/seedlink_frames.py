"""SeedLink packets: the bytes around a record, v3 and v4."""

from __future__ import annotations

import struct
from enum import Enum

from umamba_rt.wire.seedlink_commands import V3_NUMBER_BITS

END = b"END"  # behind the last packet, without a line end

_V3_HEADER_BYTES = 8
_V4_HEADER = struct.Struct("<2sccIQB")
_NUMBER_MASK = (1 << V3_NUMBER_BITS) - 1


class Protocol(Enum):
    """The protocol that a connection speaks; v3 until ``SLPROTO 4.0``."""

    V3 = 3
    V4 = 4


def data_frame(protocol: Protocol, number: int, station_id: str, record: bytes) -> bytes:
    """Frame a miniSEED 2 data record.

    Args:
        protocol: v3 sends ``SL`` and six hexadecimal digits, the number's last 24 bits; v4
            ``SE2D``, length, 64-bit number and station.
        number: sequence number, >= 1.
        station_id: ``NET_STA``.
        record: the record; 512 bytes in v3.
    """
    if protocol is Protocol.V3:
        return b"SL%06X" % (number & _NUMBER_MASK) + record
    name = station_id.encode("ascii")
    return _V4_HEADER.pack(b"SE", b"2", b"D", len(record), number, len(name)) + name + record


def record_offset(frame: bytes) -> int:
    """Where the record begins in a data frame of either protocol."""
    if frame.startswith(b"SE"):
        return _V4_HEADER.size + frame[_V4_HEADER.size - 1]
    return _V3_HEADER_BYTES


def info_frame_v3(record: bytes, *, last: bool) -> bytes:
    """Frame one 512-byte text record of an INFO answer; ``*`` says that more follow."""
    return (b"SLINFO  " if last else b"SLINFO *") + record


def info_frame_v4(document: bytes, *, error: bool) -> bytes:
    """Frame a JSON INFO answer, sequence number 0 and no station as real servers send it."""
    kind = b"E" if error else b"I"
    return _V4_HEADER.pack(b"SE", b"J", kind, len(document), 0, 0) + document

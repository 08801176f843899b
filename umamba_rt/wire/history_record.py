"""The feed's messages as records of a file: a check sum, numbers, topic and body.

A record is ``crc32, body length, seq, topic_seq, topic length`` (little-endian), then the topic in
ASCII and the body; the check sum is of all that stands behind it. A file that lost its end, or that
was damaged, is good up to the first record that does not fit.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

_HEAD = struct.Struct("<IIQQH")
_CHECKED = struct.Struct("<IQQH")  # the same, behind the check sum
MAX_BODY_BYTES = 16 << 20  # a longer one is damage
_CLOSED = b'"state":"closed"'


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the feed, as it was sent.

    Attributes:
        topic: its topic.
        seq: its number in the session.
        topic_seq: its number among those of its topic.
        body: JSON.
    """

    topic: str
    seq: int
    topic_seq: int
    body: bytes

    @property
    def is_over(self) -> bool:
        """Whether it closes an event: its topic will say no more."""
        return self.topic.startswith("event.") and _CLOSED in self.body

    @property
    def outline(self) -> Entry:
        """The same where all it says is that it closes an event."""
        return replace(self, body=b"{" + _CLOSED + b"}")


def encode_record(entry: Entry) -> bytes:
    """A message as a record."""
    topic = entry.topic.encode("ascii", "replace")
    checked = _CHECKED.pack(len(entry.body), entry.seq, entry.topic_seq, len(topic))
    rest = checked + topic + entry.body
    return struct.pack("<I", zlib.crc32(rest)) + rest


def decode_records(content: bytes, begin: int = 0) -> Iterator[tuple[Entry, int]]:
    """The messages of a file, each with where the next one begins; ends at the first damage.

    Args:
        content: of the file.
        begin: where the first record begins.
    """
    while (found := _record(content, begin)) is not None:
        yield found
        begin = found[1]


def _record(content: bytes, begin: int) -> tuple[Entry, int] | None:
    if begin + _HEAD.size > len(content):
        return None
    checksum, body_bytes, seq, topic_seq, topic_bytes = _HEAD.unpack_from(content, begin)
    body_at = begin + _HEAD.size + topic_bytes
    end = body_at + body_bytes
    if body_bytes > MAX_BODY_BYTES or end > len(content):
        return None
    if zlib.crc32(content[begin + 4 : end]) != checksum:
        return None
    topic = content[begin + _HEAD.size : body_at].decode("ascii", "replace")
    return Entry(topic, seq, topic_seq, content[body_at:end]), end

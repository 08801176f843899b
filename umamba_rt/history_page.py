"""A part of the feed's history: as much of it as an answer holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from umamba_rt.wire.history_record import Entry


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a session's messages.

    Attributes:
        entries: those that were wanted, in the order of ``seq``.
        through: everything wanted up to this number is among them.
        gone: whether messages that were asked for are no longer there.
        whole_from: the number from which on the session is whole here.
        more: whether there is anything behind ``through``.
    """

    entries: list[Entry]
    through: int
    gone: bool
    whole_from: int
    more: bool


@dataclass(frozen=True, slots=True)
class PageLimits:
    """What a page may hold; one message is always in it.

    Attributes:
        messages: most of them.
        size_bytes: of their bodies and topics.
    """

    messages: int
    size_bytes: int


class PageBuilder:
    """Gathers a page's entries until it is full.

    Args:
        topics: prefixes of the topics that are wanted.
        limits: what the page may hold.
    """

    def __init__(self, topics: Sequence[str], limits: PageLimits) -> None:
        self.entries: list[Entry] = []
        self._topics = tuple(topics)
        self._limits = limits
        self._bytes = 0

    def add(self, entry: Entry) -> bool:
        """Take an entry if it is wanted; False where it is wanted and the page is full."""
        if not entry.topic.startswith(self._topics):
            return True
        size = len(entry.body) + len(entry.topic)
        full = len(self.entries) >= self._limits.messages
        if self.entries and (full or self._bytes + size > self._limits.size_bytes):
            return False
        self.entries.append(entry)
        self._bytes += size
        return True

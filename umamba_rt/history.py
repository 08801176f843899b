"""The feed's latest messages in memory, for who joins late or lost some."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from umamba_rt.history_page import Page, PageBuilder, PageLimits
from umamba_rt.wire.history_record import Entry

# What a message costs in memory beside its body: the entry, its numbers, its place in the table.
ENTRY_BYTES = 350
# Looked at for one page; 2 ms of the sender's lock.
_MAX_EXAMINED = 10_000
# Topics of which the latest message is kept; of more the one that was silent for longest goes.
_MAX_TOPICS = 20_000
# The same of network events: each has a topic of its own, and years of them would drive out the
# stations that are quiet.
_EACH_ITS_OWN = "event.network."
_MAX_EVENTS = 5_000


class History:
    """The messages of one session, bounded by number and by bytes; for several threads.

    Args:
        session: the feed's.
        max_messages: most messages kept, > 0.
        max_bytes: of their bodies and what they cost besides.
        beyond: gets each message, too, as the disk does; must be quick and must not raise.
        max_topics: topics of which the latest message is kept beyond that.
        max_events: network events of which it is.
    """

    def __init__(
        self,
        session: str,
        *,
        max_messages: int,
        max_bytes: int,
        beyond: Callable[[Entry], None] | None = None,
        max_topics: int = _MAX_TOPICS,
        max_events: int = _MAX_EVENTS,
    ) -> None:
        self.session = session
        self._max_messages, self._max_bytes = max_messages, max_bytes
        self._beyond = beyond
        self._max_topics, self._max_events = max_topics, max_events
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._latest: OrderedDict[str, Entry] = OrderedDict()
        self._latest_events: OrderedDict[str, Entry] = OrderedDict()
        self._bytes = 0
        self._last = 0
        self._lock = threading.Lock()

    @property
    def last(self) -> int:
        """Number of the latest message; 0 before any."""
        return self._last

    def figures(self) -> dict[str, int]:
        """What is kept: messages, bytes, and the numbers of the first and the last one."""
        with self._lock:
            return {
                "messages": len(self._entries),
                "bytes": self._bytes,
                "first_seq": self._first(),
                "last_seq": self._last,
                "topics": len(self._latest) + len(self._latest_events),
            }

    def take(self, topic: str, seq: int, topic_seq: int, body: bytes) -> None:
        """Keep a message; the publisher's tap."""
        entry = Entry(topic, seq, topic_seq, body)
        with self._lock:
            self._entries[seq] = entry
            self._last = seq
            self._bytes += len(body) + ENTRY_BYTES
            while len(self._entries) > self._max_messages or self._bytes > self._max_bytes:
                _, oldest = self._entries.popitem(last=False)
                self._bytes -= len(oldest.body) + ENTRY_BYTES
            self._keep_as_latest(entry)
        if self._beyond is not None:
            self._beyond(entry)

    def since(self, seq: int, topics: Sequence[str], limits: PageLimits) -> Page:
        """The messages behind a number.

        Args:
            seq: of the last message that is not wanted.
            topics: prefixes of topics.
            limits: what the page may hold.
        """
        builder = PageBuilder(topics, limits)
        with self._lock:
            first = self._first()
            begin = max(seq + 1, first)
            through = min(max(seq, begin - 1), self._last)
            for number in range(begin, min(self._last, begin + _MAX_EXAMINED - 1) + 1):
                entry = self._entries.get(number)
                if entry is not None and not builder.add(entry):
                    break
                through = number
            return Page(builder.entries, through, begin > seq + 1, first, through < self._last)

    def reaches(self, seq: int) -> bool:
        """Whether everything behind a number is still here."""
        with self._lock:
            return seq + 1 >= self._first()

    def latest(self, topics: Sequence[str]) -> tuple[int, list[Entry]]:
        """The latest message of each topic, in the order of the topics; and the latest number.

        Of what closes an event it is the ``outline``.

        Args:
            topics: prefixes of topics.
        """
        wanted = tuple(topics)
        with self._lock:
            every = (*self._latest.values(), *self._latest_events.values())
            found = [entry for entry in every if entry.topic.startswith(wanted)]
            return self._last, sorted(found, key=lambda entry: entry.topic)

    def _keep_as_latest(self, entry: Entry) -> None:
        latest, most = self._latest, self._max_topics
        if entry.topic.startswith(_EACH_ITS_OWN):
            latest, most = self._latest_events, self._max_events
        if entry.is_over:  # only where it was is asked for; with 100 stations its body takes 20 kB
            entry = entry.outline
        latest[entry.topic] = entry
        latest.move_to_end(entry.topic)
        if len(latest) > most:
            latest.popitem(last=False)

    def _first(self) -> int:
        """Number of the oldest message; the next one's where there is none."""
        return next(iter(self._entries), self._last + 1)

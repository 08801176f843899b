"""The numbers of one session's messages, as far as they were handed out."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from umamba_rt.feed.message import FeedMessage
from umamba_rt.feed.position import Seen

# How far back the history is read for all topics at once; one that spoke last before that is asked
# for by itself. At 600 messages a second, 8 s: each station speaks every hop.
LOOK_BACK = 5000
# Topics of closed events that are remembered, so that the history does not bring them again:
# as many as topics of which the daemon's history tells the latest message.
CLOSED_KNOWN = 20_000
# An earthquake has a topic of its own, which ends with it. A sensor's ``event.NET.STA.LOC.BS`` does
# not: its next event goes on there.
_ENDING_TOPICS = "event.network."


class TopicNumbers:
    """The last number of each topic that was handed out, in one session.

    Attributes:
        session: of the messages; empty before any.
        base: behind that number of the session messages are wanted.
        before: topics of which the daemon said that they had spoken up to ``base`` alone.

    Args:
        session: of the messages.
        base: as above.
        seq: the highest number that was handed out.
        seen: the last message of each topic.
        whole: whether ``seen`` has all topics that spoke up to ``base``, so that another topic's
            first message has to be its number 1.
    """

    def __init__(
        self,
        session: str,
        base: int = 0,
        seq: int = 0,
        seen: Mapping[str, Seen] | None = None,
        *,
        whole: bool = False,
    ) -> None:
        self.session = session
        self.base = base
        self.before: dict[str, Seen] = {}
        self._seq = seq
        self._seen = dict(seen or {})
        self._whole = whole
        self._compared = whole
        self._is_read = False
        self._closed: deque[str] = deque()

    def is_next(self, message: FeedMessage) -> bool:
        """Whether nothing of its topic is missing before a message."""
        if message.topic_seq == 0:
            return True
        known = self._seen.get(message.topic)
        if known is None:
            return not self._whole or message.topic_seq == 1
        return message.topic_seq == known.topic_seq + 1

    def is_known(self, message: FeedMessage) -> bool:
        """Whether it was handed out."""
        known = self._seen.get(message.topic)
        if message.topic_seq == 0 or known is None:
            return False
        return message.topic_seq <= known.topic_seq

    def shows_gap(self, message: FeedMessage) -> bool:
        """Whether others of its topic come before it that were not handed out, or may.

        A subscription takes effect a moment after it was asked for: a topic may have begun since
        the history was read, with messages that got lost.
        """
        if self.is_unsure(message.topic):
            return self._is_read and message.seq > self.base + 1 and message.topic_seq > 1
        return not self.is_next(message) and not self.is_known(message)

    def is_unsure(self, topic: str) -> bool:
        """Whether nobody can tell yet which number of the topic comes first."""
        return not self._whole and topic not in self._seen

    def missing_before(self, message: FeedMessage) -> int:
        """How many of its topic are missing before a message that is not known."""
        if self.is_next(message):
            return 0
        known = self._seen.get(message.topic)
        return message.topic_seq - (known.topic_seq if known else 0) - 1

    def lacks(self, topic: str, topic_seq: int) -> bool:
        """Whether a topic's message was not handed out, nor a later one."""
        known = self._seen.get(topic)
        return topic_seq > (known.topic_seq if known else 0)

    def last_seq(self, topic: str) -> int:
        """Behind which number of the session a topic's next message is."""
        known = self._seen.get(topic)
        return known.seq if known else self.base

    def is_recent(self, seq: int) -> bool:
        """Whether a number lies so little back that all topics are read from there at once."""
        return self._seq - seq <= LOOK_BACK

    def tail(self) -> int:
        """From where on a session's end may have holes that no later message has shown yet."""
        ends = [self.base, *(seen.seq for seen in self._seen.values())]
        return min(filter(self.is_recent, ends), default=self._seq)

    def note(self, message: FeedMessage) -> None:
        """A message is handed out."""
        self._seen[message.topic] = Seen(message.topic_seq, message.seq)
        self._seq = max(self._seq, message.seq)
        ends = message.topic.startswith(_ENDING_TOPICS) and message.body.get("state") == "closed"
        if ends:
            self._closed.append(message.topic)
            if len(self._closed) > CLOSED_KNOWN:
                self._seen.pop(self._closed.popleft(), None)

    def read_through(self, start: int, seq: int) -> None:
        """All topics were read from ``start`` to ``seq``: no other one spoke in between."""
        if not self._whole and start <= self.base:
            self.base = max(self.base, seq)
            self._is_read = True

    def compared(self, seen: Mapping[str, Seen]) -> None:
        """Take the daemon's word on the topics that spoke up to ``base`` alone."""
        self._compared = True
        if self._whole:
            return
        others = {t: one for t, one in seen.items() if one.seq <= self.base and t not in self._seen}
        self.before |= others
        self._seen |= others

    def settle(self) -> None:
        """Nothing is under way: if the daemon was asked, the topics are all known."""
        self._whole = self._compared

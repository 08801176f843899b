"""How far a subscriber has come, to go on there after a restart."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from umamba_rt.feed.message import FeedMessage

# More topics than that only years of events bring; the one that was silent for longest goes.
_MAX_TOPICS = 50_000
PASSED_KNOWN = 16


@dataclass(frozen=True, slots=True)
class Seen:
    """The last message of a topic that was handed out.

    Attributes:
        topic_seq: its number in the topic.
        seq: its number in the session.
    """

    topic_seq: int
    seq: int


@dataclass(frozen=True, slots=True)
class Position:
    """How far a subscriber has come; goes through JSON by ``as_json`` and ``of_json``.

    Attributes:
        session: the daemon's run; empty before any message.
        seq: the highest number handed out.
        begun: the number behind which that run's messages are wanted.
        topics: the last message of each topic.
        passed: the latest runs before that one. A daemon that forgot a run tells the oldest it has,
            which may lie before the forgotten one.
    """

    session: str
    seq: int
    begun: int
    topics: Mapping[str, Seen]
    passed: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """As JSON's own types."""
        topics = {topic: [seen.topic_seq, seen.seq] for topic, seen in self.topics.items()}
        return {
            "session": self.session,
            "seq": self.seq,
            "begun": self.begun,
            "topics": topics,
            "passed": list(self.passed),
        }

    @classmethod
    def of_json(cls, tree: Mapping[str, Any]) -> Position:
        """What ``as_json`` gave.

        Raises:
            ValueError: it is something else.
        """
        try:
            topics = {
                str(topic): Seen(int(n), int(seq)) for topic, (n, seq) in tree["topics"].items()
            }
            passed = tuple(str(session) for session in tree.get("passed", ()))
            session, seq, begun = str(tree["session"]), int(tree["seq"]), int(tree["begun"])
            return cls(session, seq, begun, topics, passed)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no position of a subscriber: {error}") from error


class Progress:
    """The position behind the messages that were handed out."""

    def __init__(self) -> None:
        self._session, self._seq, self._begun = "", 0, 0
        self._topics: OrderedDict[str, Seen] = OrderedDict()
        self._passed: deque[str] = deque(maxlen=PASSED_KNOWN)

    @property
    def position(self) -> Position:
        """The position now."""
        topics, passed = dict(self._topics), tuple(self._passed)
        return Position(self._session, self._seq, self._begun, topics, passed)

    def begin(self, position: Position) -> None:
        """Begin there."""
        self._session, self._seq, self._begun = position.session, position.seq, position.begun
        self._topics = OrderedDict(position.topics)
        self._passed = deque(position.passed, maxlen=PASSED_KNOWN)

    def note(self, message: FeedMessage) -> None:
        """A message was handed out."""
        if message.session != self._session:
            if self._session:
                self._passed.append(self._session)
            self._session, self._seq, self._begun = message.session, 0, 0
            self._topics.clear()
        self._seq = max(self._seq, message.seq)
        self._topics[message.topic] = Seen(message.topic_seq, message.seq)
        self._topics.move_to_end(message.topic)
        if len(self._topics) > _MAX_TOPICS:
            self._topics.popitem(last=False)

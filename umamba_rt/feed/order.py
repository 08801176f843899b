"""Which messages were handed out, and which are missing; no socket, no clock.

Each message is numbered in its topic and in its session. A topic's next number is handed out, a
lower one was handed out before, a higher one shows a gap. What a gap hides is asked of the daemon's
history, from the last message of that topic on; ``Run`` is such an asking.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from umamba_rt.feed.message import FeedMessage
from umamba_rt.feed.position import PASSED_KNOWN, Position, Seen
from umamba_rt.feed.repeats import Repeats

# How far back the history is read for all topics at once; one that spoke last before that is asked
# for by itself. At 600 messages a second, 8 s: each station speaks every hop.
LOOK_BACK = 5000
# Topics of closed events that are remembered, so that the history does not bring them again:
# as many as topics of which the daemon's history tells the latest message.
_CLOSED_KNOWN = 20_000


@dataclass(slots=True)
class Run:
    """One reading of the history, page by page.

    Attributes:
        session: of the messages that come next; ``oldest`` for all there is.
        seq: of the last one that is not wanted.
        topics: prefixes of the wanted topics.
        start: where it began; everything of ``topics`` behind that comes, or has gone.
    """

    session: str
    seq: int
    topics: tuple[str, ...]
    start: int = field(init=False)

    def __post_init__(self) -> None:
        self.start = self.seq

    def covers(self, topic: str, seq: int) -> bool:
        """Whether it brings all of a topic's messages behind a number."""
        return self.start <= seq and topic.startswith(self.topics)


class Order:
    """Takes messages from the feed and from its history; hands each out once, a topic's in order.

    Attributes:
        missed: messages that were sent, and can no longer be had.
        repeated: windows that a killed daemon sent again; handed out once.
        recovered: messages that came from the history.
        gone: how often the history no longer had what was asked for.
        recovers: whether there is a history to ask now.
        suspects: topics that were behind at the last comparison, and what they lacked.
        run: the reading of the history that is under way; None: messages may be taken live.

    Args:
        topics: prefixes of the topics that are subscribed to.
        recovers: whether there is a history to ask. Where not, gaps are counted at once.
    """

    def __init__(self, topics: Sequence[str], *, recovers: bool) -> None:
        self.missed = 0
        self.repeated = 0
        self.recovered = 0
        self.gone = 0
        self.run: Run | None = None
        self.suspects: dict[str, int] = {}
        self._topics = tuple(topics)
        self.recovers = recovers
        self._session = ""
        self._seq = 0
        # Before that number nothing is known of topics that have not spoken; None: nor behind it.
        self._base: int | None = None
        self._seen: dict[str, Seen] = {}
        self._gaps: dict[str, int] = {}  # topics with a gap, and where it begins
        self._held: FeedMessage | None = None  # the live message that showed it
        self._closed: deque[str] = deque()
        self._passed: deque[str] = deque(maxlen=PASSED_KNOWN)
        self._repeats = Repeats()

    def begin(self, position: Position) -> None:
        """Begin behind a position; what came before is not wanted."""
        self._session, self._seq, self._base = position.session, position.seq, position.begun
        self._seen = dict(position.topics)
        self._passed.extend(position.passed)

    def resume(self, position: Position) -> None:
        """Begin where another subscriber ended, which is asked of the history."""
        self.begin(position)
        self.run = Run(position.session, self._tail(), self._topics)

    def read_all(self) -> None:
        """Begin with everything that the history holds."""
        self.run = Run("oldest", 0, self._topics)

    def live(self, message: FeedMessage) -> list[FeedMessage]:
        """Take a message from the feed; gives what is to be handed out now.

        Where this leaves a ``run`` behind, pages come next.
        """
        if message.session in self._passed:
            return []  # that session was read to its end, from the history
        if message.session != self._session:
            if self.recovers and self._session:
                self._held = message
                self.run = Run(self._session, self._tail(), self._topics)
                return []
            self._begin_anew(message.session, known=bool(self._session))
        if not self._is_next(message) and self.recovers and not self._is_known(message):
            self._held = message
            self._gaps[message.topic] = self._last_seq(message.topic)
            self._next_run()
            return []
        return self._taken(message)

    def compare(self, session: str, seen: Mapping[str, Seen]) -> None:
        """Take the daemon's own word on the last message of each topic; may leave a ``run``.

        What is behind may still be on its way: ``confirm`` looks again.
        """
        if session != self._session:
            self.run = Run(self._session, self._tail(), self._topics)
            return
        self.suspects = {
            topic: one.topic_seq for topic, one in seen.items() if self._lacks(topic, one.topic_seq)
        }

    def confirm(self) -> None:
        """What was behind and still is has been lost; may leave a ``run``."""
        for topic, topic_seq in self.suspects.items():
            if self._lacks(topic, topic_seq):
                self._gaps[topic] = self._last_seq(topic)
        self.suspects = {}
        self._next_run()

    def page(
        self,
        of: str,
        messages: Sequence[FeedMessage],
        following: tuple[str, int],
        *,
        more: bool,
        gone: bool,
    ) -> list[FeedMessage]:
        """Take a page of the history, an answer to ``run``; gives what is to be handed out.

        Args:
            of: the session of its messages.
            messages: in the order of their numbers.
            following: session and number to ask for next.
            more: whether there is anything.
            gone: whether something that was asked for was no longer there.
        """
        run = self.run
        assert run is not None
        self.gone += gone
        if of in self._passed and of != following[0]:
            return self._cross(following[0])
        if of in self._passed:
            messages = ()
        elif of != self._session:
            self._begin_anew(of, known=bool(self._session))
        handed = []
        for message in messages:
            handed += self._recalled(run, message)
        self.recovered += len(handed)
        if following[0] not in (self._session, of):
            return handed + self._cross(following[0])
        more = more and following[1] != run.seq
        run.session, run.seq = following
        return handed if more else handed + self._end(run)

    def give_up(self) -> list[FeedMessage]:
        """The history does not answer: count what is missing, and go on live."""
        self.run = None
        self._gaps.clear()
        return self._release()

    def _recalled(self, run: Run, message: FeedMessage) -> list[FeedMessage]:
        """Take a message from the history."""
        topic = message.topic
        if topic in self._gaps or not topic.startswith(self._topics):
            return []  # comes again, and then in its order
        if not self._is_next(message) and not self._is_known(message):
            last_seq = self._last_seq(topic)
            if not run.covers(topic, last_seq):
                self._gaps[topic] = last_seq
                return []
        return self._taken(message)

    def _cross(self, session: str) -> list[FeedMessage]:
        """The session's end is reached: fill what gaps there are, then go on with the next one."""
        if self._gaps:
            self._next_run()
            return []
        self.run = Run(session, 0, self._topics)
        if self._held is not None and self._held.session == self._session:
            return self._release()  # a kill can keep the very last message from the disk
        return []

    def _end(self, run: Run) -> list[FeedMessage]:
        """A run is over: the next one, or the message that was held."""
        self.run = None
        if self._base is None:
            self._base = run.seq
        held = self._held
        if held is not None and held.session == self._session and not self._is_known(held):
            last_seq = self._last_seq(held.topic)
            if not self._is_next(held) and not run.covers(held.topic, last_seq):
                self._gaps[held.topic] = last_seq
        self._next_run()
        return [] if self.run else self._release()

    def _release(self) -> list[FeedMessage]:
        held, self._held = self._held, None
        if held is None:
            return []
        if held.session != self._session:
            self._begin_anew(held.session, known=True)
        return self._taken(held)

    def _next_run(self) -> None:
        """Ask for gaps: the recent ones together, else one topic."""
        if not self._gaps:
            return
        recent = {topic: seq for topic, seq in self._gaps.items() if self._is_recent(seq)}
        if recent:
            self.run = Run(self._session, min(recent.values()), self._topics)
            for topic in recent:
                del self._gaps[topic]
        else:
            topic, seq = self._gaps.popitem()
            self.run = Run(self._session, seq, (topic,))

    def _taken(self, message: FeedMessage) -> list[FeedMessage]:
        """Hand a message out unless that was done; a jump before it is lost."""
        if self._is_known(message):
            return []
        if not self._is_next(message):
            known = self._seen.get(message.topic)
            self.missed += message.topic_seq - (known.topic_seq if known else 0) - 1
        self._note(message)
        if self._repeats.has(message):
            self.repeated += 1
            return []
        return [message]

    def _note(self, message: FeedMessage) -> None:
        self._seen[message.topic] = Seen(message.topic_seq, message.seq)
        self._seq = max(self._seq, message.seq)
        if message.topic.startswith("event.") and message.body.get("state") == "closed":
            self._closed.append(message.topic)
            if len(self._closed) > _CLOSED_KNOWN:
                self._seen.pop(self._closed.popleft(), None)

    def _is_next(self, message: FeedMessage) -> bool:
        if message.topic_seq == 0:
            return True
        known = self._seen.get(message.topic)
        if known is None:
            return self._base is None or message.topic_seq == 1
        return message.topic_seq == known.topic_seq + 1

    def _is_known(self, message: FeedMessage) -> bool:
        known = self._seen.get(message.topic)
        if message.topic_seq == 0 or known is None:
            return False
        return message.topic_seq <= known.topic_seq

    def _lacks(self, topic: str, topic_seq: int) -> bool:
        known = self._seen.get(topic)
        return topic_seq > (known.topic_seq if known else 0)

    def _is_recent(self, seq: int) -> bool:
        return self._seq - seq <= LOOK_BACK

    def _last_seq(self, topic: str) -> int:
        known = self._seen.get(topic)
        return known.seq if known else self._base or 0

    def _tail(self) -> int:
        """From where on a session's end may have holes that no later message has shown yet."""
        ends = [self._base or 0, *(seen.seq for seen in self._seen.values())]
        return min(filter(self._is_recent, ends), default=self._seq)

    def _begin_anew(self, session: str, *, known: bool) -> None:
        """Another session: its numbers begin at 1; all of them are wanted where one was known."""
        if self._session:
            self._passed.append(self._session)
        self._session, self._seq, self.suspects = session, 0, {}
        self._base = 0 if known else None
        self._seen.clear()
        self._gaps.clear()
        self._closed.clear()

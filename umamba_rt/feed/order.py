"""Which messages were handed out, and which are missing; no socket, no clock.

Each message is numbered in its topic and in its session. A topic's next number is handed out, a
lower one was handed out before, a higher one shows a gap. What a gap hides is asked of the daemon's
history, from the last message of that topic on: a ``Run``. Until it is answered, what shows a gap
waits, and with it the later ones of its topic; a session waits until the end of the last one came.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from umamba_rt.feed.gaps import Gaps
from umamba_rt.feed.held import Held
from umamba_rt.feed.message import FeedMessage
from umamba_rt.feed.position import PASSED_KNOWN, Position, Seen
from umamba_rt.feed.repeats import Repeats
from umamba_rt.feed.run import Run
from umamba_rt.feed.topic_numbers import TopicNumbers


class Order:
    """Takes messages from the feed and from its history; hands each out once, a topic's in order.

    Attributes:
        missed: messages that were sent, and can no longer be had.
        repeated: windows that a killed daemon sent again; handed out once.
        recovered: messages that came from the history.
        gone: how often the history no longer had what was asked for.
        suspects: topics that were behind at the last comparison, and what they lacked.
        run: the reading of the history that is under way; None: there is nothing to ask.
        held: live messages that wait for it.
        waits: whether every message has to wait for ``admit``.

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
        self.held = Held()
        self.waits = False
        self._topics = tuple(topics)
        self._recovers = recovers
        self._numbers = TopicNumbers("")
        self._gaps = Gaps()
        self._passed: deque[str] = deque(maxlen=PASSED_KNOWN)
        self._repeats = Repeats()

    @property
    def session(self) -> str:
        """The one whose messages are handed out; empty before any."""
        return self._numbers.session

    @property
    def before(self) -> Mapping[str, Seen]:
        """Topics of the session that spoke before the first message, and not since."""
        return self._numbers.before

    @property
    def turns(self) -> bool:
        """Whether messages of another session wait for this one's end."""
        return self.held.newest_session not in ("", self.session)

    def begin(self, position: Position) -> None:
        """Begin behind a position; what came before is not wanted."""
        self._numbers = TopicNumbers(
            position.session, position.begun, position.seq, position.topics, whole=True
        )
        self._passed.extend(position.passed)

    def resume(self, position: Position) -> None:
        """Begin where another subscriber ended, which is asked of the history."""
        self.begin(position)
        self.run = self._tail_run()

    def read_all(self) -> None:
        """Begin with everything that the history holds."""
        self.run = Run("oldest", 0, self._topics)

    def live(self, message: FeedMessage) -> list[FeedMessage]:
        """Take a message from the feed; gives what is to be handed out now.

        Where this leaves a ``run`` behind, pages come next, or as soon as the daemon answers.
        """
        if message.session in self._passed:
            return []  # that session was read to its end, from the history
        if self._recovers and self._has_to_wait(message):
            self.held.add(message)
            if not self.waits:
                self._ask_before(message)
            return []
        if message.session != self.session:
            self._begin_anew(message.session, message.seq - 1)
        return self._taken(message)

    def admit(self) -> list[FeedMessage]:
        """Messages need not wait for the beginning any more; gives those that were waiting."""
        self.waits = False
        held = self.held.take()
        begun = [one for one in held if one.session == self.session]
        return [one for message in begun for one in self.live(message)]

    def compare(self, session: str, seen: Mapping[str, Seen]) -> None:
        """Take the daemon's own word on the last message of each topic; may leave a ``run``.

        What is behind may still be on its way: ``confirm`` looks again.
        """
        if session != self.session:
            self.run = self._tail_run()
            return
        self._numbers.compared(seen)
        self.suspects = {
            topic: one.topic_seq
            for topic, one in seen.items()
            if self._numbers.lacks(topic, one.topic_seq)
        }
        self._settle()

    def confirm(self) -> None:
        """What was behind and still is has been lost; may leave a ``run``."""
        for topic, topic_seq in self.suspects.items():
            if self._numbers.lacks(topic, topic_seq):
                self._note_gap(topic)
        self.suspects = {}
        self._next_run()
        self._settle()

    def page(
        self,
        of: str,
        messages: Sequence[FeedMessage],
        following: tuple[str, int],
        *,
        present: str,
        more: bool,
        gone: bool,
    ) -> list[FeedMessage]:
        """Take a page of the history, an answer to ``run``; gives what is to be handed out.

        Args:
            of: the session of its messages.
            messages: in the order of their numbers.
            following: session and number to ask for next.
            present: the daemon's session when it answered.
            more: whether there is anything.
            gone: whether something that was asked for was no longer there.
        """
        run = self.run
        assert run is not None
        self.gone += gone
        if of in self._passed:
            messages = ()
        handed = [] if of in (self.session, *self._passed) else self._turn(of, present)
        for message in messages:
            handed += self._recalled(run, message)
        if following[0] not in (self.session, of) or (of in self._passed and of != following[0]):
            self._cross(run, following[0])
            return handed
        more = more and following[1] != run.seq
        run.session, run.seq = following
        return handed if more else handed + self._end(run)

    def give_up(self) -> list[FeedMessage]:
        """Wait for no answer any more: count what is missing, and go on live."""
        self.run, self.waits = None, False
        self._gaps.clear()
        return self._released(self.held.take())

    def _has_to_wait(self, message: FeedMessage) -> bool:
        if self.waits:
            return True
        if message.session != self.session:
            return bool(self.session) or self.run is not None
        if self.run is not None and self._numbers.is_unsure(message.topic):
            return True  # the history may have earlier ones
        return message.topic in self._gaps or self._numbers.shows_gap(message)

    def _ask_before(self, message: FeedMessage) -> None:
        """See to it that the history is asked for what belongs before a message."""
        if message.session != self.session:
            self.run = self.run or self._tail_run()
            return
        self._note_gap(message.topic, self.run)
        if self.run is None:
            self._next_run()

    def _recalled(self, run: Run, message: FeedMessage) -> list[FeedMessage]:
        """Take a message from the history."""
        topic = message.topic
        if topic in self._gaps or not topic.startswith(self._topics):
            return []  # comes again, and then in its order
        handed: list[FeedMessage] = []
        if self._numbers.shows_gap(message) or self._numbers.is_unsure(topic):
            if self._still_waits(run, message):
                return []
            # The history lost what is missing, and maybe some that came live after that.
            handed = self._released(self.held.take_before(message))
        recalled = self._taken(message)
        self.recovered += len(recalled)
        return handed + recalled

    def _cross(self, run: Run, session: str) -> None:
        """The session's end is reached: read what of it is still missing, then the next one."""
        if self._gaps:
            self._next_run()
        elif run.topics == self._topics and run.start <= self._numbers.tail():
            self.run = Run(session, 0, self._topics)
        else:
            self.run = self._tail_run()  # that was for some topics, or for the latest messages

    def _end(self, run: Run) -> list[FeedMessage]:
        """A run is over: hand out what waited for it; the next one, if something still waits."""
        self.run = None
        if run.topics == self._topics:
            self._numbers.read_through(run.start, run.seq)
        handed: list[FeedMessage] = []
        waiting: list[FeedMessage] = []
        for message in self.held.take(self.session):
            if self._still_waits(run, message):
                waiting.append(message)
            else:
                handed += self._taken(message)
        self.held.put_back(waiting)
        self._next_run()
        if self.run is None:
            handed += self._released(self.held.take())
            self._settle()
        return handed

    def _still_waits(self, run: Run, message: FeedMessage) -> bool:
        """Whether what is missing before a message is not what a run brings, or brought."""
        topic = message.topic
        if topic not in self._gaps and self._numbers.shows_gap(message):
            self._note_gap(topic, run)
        return topic in self._gaps

    def _note_gap(self, topic: str, run: Run | None = None) -> None:
        self._gaps.note(topic, self._numbers.last_seq(topic), run)

    def _turn(self, session: str, present: str) -> list[FeedMessage]:
        """The history goes on with another session: what it lacks of the last one is lost."""
        # A kill can keep the very last messages from the disk. A session that has gone from the
        # history before this one is told by what came of it alone.
        held = self.held.take(self.session)
        held += self.held.take_older(session, is_newest=session == present)
        handed = self._released(held)
        self._begin_anew(session, 0)
        return handed

    def _released(self, held: Sequence[FeedMessage]) -> list[FeedMessage]:
        """Hand out what waited, one session after the other, without what is missing before it."""
        handed: list[FeedMessage] = []
        for message in held:
            if message.session in self._passed:
                continue
            if message.session != self.session:
                self._begin_anew(message.session, message.seq - 1)
            handed += self._taken(message)
        return handed

    def _next_run(self) -> None:
        """Ask for gaps, if there are any."""
        following = self._gaps.next_run(self.session, self._topics, self._numbers.is_recent)
        self.run = following or self.run

    def _tail_run(self) -> Run:
        return Run(self.session, self._numbers.tail(), self._topics)

    def _taken(self, message: FeedMessage) -> list[FeedMessage]:
        """Hand a message out unless that was done; a jump before it is lost."""
        if self._numbers.is_known(message):
            return []
        self.missed += self._numbers.missing_before(message)
        self._numbers.note(message)
        if self._repeats.has(message):
            self.repeated += 1
            return []
        return [message]

    def _begin_anew(self, session: str, begun: int) -> None:
        """Another session, all of which is wanted; the first one behind ``begun``."""
        known = bool(self.session)
        if known:
            self._passed.append(self.session)
        self._numbers = TopicNumbers(session, 0 if known else begun, whole=known)
        self.suspects = {}
        self._gaps.clear()

    def _settle(self) -> None:
        if self.run is None and not self.suspects:
            self._numbers.settle()

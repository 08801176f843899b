"""What a subscriber does next: hand out, ask, or listen; no socket, the clock is an argument."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from umamba_rt.defaults import FEED_ADDRESS, QUERY_ADDRESS
from umamba_rt.feed.conversation import Answer, Ask, Conversation, NoHistoryError, Start, Talk
from umamba_rt.feed.message import FeedMessage, decode_frames
from umamba_rt.feed.order import Order
from umamba_rt.feed.patience import PATIENCE_S, Patience
from umamba_rt.feed.position import Position, Progress

# The first comparison comes soon: a subscription takes effect a moment after it was asked for.
_FIRST_CHECK_S = 1.0
# What the daemon had sent by a comparison has come by then, or is lost.
_CONFIRM_S = 1.0


def query_address_of(address: str, query_address: str | None) -> str:
    """Where to ask for history: as told, else the default where the feed is the default one."""
    if query_address is not None:
        return query_address
    return QUERY_ADDRESS if address == FEED_ADDRESS else ""


class Follower:
    """One subscriber's state.

    A question without an answer is followed by a rest, and asked again. What shows a gap waits for
    that, as ``Order`` says, and the rest of its topic does; all else is handed out meanwhile. When
    messages have waited for ``patience_s`` and there is no answer still, they are handed out, what
    is missing before them is counted, and until an answer comes no gap is waited for any more; the
    end of a session is, for one question.

    The beginning is asked for again, too. Messages that come before it is answered are handed out
    for ``now``, and each topic then begins with the first one that came; for the others they wait
    as above, and when patience ends they are the beginning, as for ``now``.

    Attributes:
        order: its counts.
        unanswered: questions to the history without a good answer.

    Args:
        topics: prefixes of topics.
        start: with what to begin.
        recovers: whether there is a history to ask.
        check_s: pause between two comparisons with the daemon, s.
        patience_s: for how long messages wait for a history that does not answer, s.
    """

    def __init__(
        self,
        topics: Sequence[str],
        start: Start,
        *,
        recovers: bool,
        check_s: float,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.order = Order(topics, recovers=recovers)
        self.order.waits = recovers and start == "snapshot"
        self.unanswered = 0
        self._progress = Progress()
        self._conversation = Conversation(self.order, list(topics), self._begin_progress)
        self._start = start
        self._check_s = check_s
        self._patience = Patience(patience_s)
        self._ready: deque[FeedMessage] = deque()
        self._talk: Talk | None = None
        self._question: Ask | None = None
        self._begun = self._begins = False
        # Whether the first message that is handed out is what the position begins with.
        self._begins_live = not recovers or start != "history"
        self._asks = recovers
        self._next_check_s = self._confirm_s = float("inf")

    @property
    def position(self) -> Position:
        """How far it has come: what is ready and was not handed out comes again from there."""
        position = self._progress.position
        if position.session != self.order.session:
            return position
        return replace(position, topics={**self.order.before, **position.topics})

    def pop(self) -> FeedMessage | None:
        """The next message to hand out, if there is one."""
        if not self._ready:
            return None
        message = self._ready.popleft()
        if self._begins_live:
            before = message.seq - 1
            self._begin_progress(Position(message.session, before, before, {}))
        self._progress.note(message)
        return message

    def question(self, now_s: float) -> Ask | None:
        """What is to be asked of the daemon before anything is read from the feed.

        Args:
            now_s: a clock that does not run backwards, s.
        """
        if self._question is None and self._asks and self._patience.may_ask(now_s):
            if self.order.run is not None:
                self._open(self._conversation.runs())
            elif not self._begun:
                self._begin(now_s)
        return self._question

    def answered(self, answer: Answer | None, now_s: float) -> None:
        """Take the answer to ``question``; None where there was none."""
        assert self._talk is not None
        try:
            self._question = self._talk.send(answer)
        except StopIteration:
            self._end_talk()
        except NoHistoryError:
            self._rest(now_s)
            return
        self._patience.answered()
        if not self.order.waits:
            self._ready.extend(self._take_handed())

    def heard(self, frames: Sequence[bytes], now_s: float) -> None:
        """Take a message from the feed.

        Raises:
            ValueError: it is none of this feed.
        """
        self._ready.extend(self.order.live(decode_frames(frames)))
        resting = not self._patience.may_ask(now_s)
        if self.order.held and resting and self._patience.is_over(now_s) and not self.order.turns:
            self._give_up()
        elif self.order.held:
            if self._patience.wait(now_s):
                self._patience.hasten()
        elif not self._begun and self._begins_live:
            self._patience.hasten()

    def idle(self, now_s: float) -> None:
        """Nothing is there to be read from the feed: time to compare with the daemon."""
        if not self._asks or not self._begun or not self._patience.may_ask(now_s):
            return
        if self._question is not None or self.order.run is not None:
            return
        if self.order.suspects:
            if now_s >= self._confirm_s:
                self.order.confirm()
        elif now_s >= self._next_check_s:
            self._check(now_s)

    def wait_s(self, now_s: float) -> float:
        """How long the feed may be listened to before there is something to ask."""
        due_s = self._confirm_s if self.order.suspects else self._next_check_s
        if not self._begun or self.order.run is not None:
            due_s = now_s
        return max(0.0, max(due_s, self._patience.ask_s) - now_s) if self._asks else float("inf")

    def _begin(self, now_s: float) -> None:
        """Ask for the beginning, or for what else was there by the first message that came."""
        self._begins = True
        if self.order.session and not self.order.waits:
            self._check(now_s)
            return
        self._next_check_s = now_s + _FIRST_CHECK_S
        self._open(self._conversation.begin(self._start))
        # What a run begins with is not forgotten: it stays until it is answered.
        self._begun = self.order.run is not None

    def _check(self, now_s: float) -> None:
        self._confirm_s = now_s + _CONFIRM_S
        self._next_check_s = now_s + self._check_s
        self._open(self._conversation.check())

    def _open(self, talk: Talk) -> None:
        self._talk = talk
        try:
            self._question = next(talk)
        except StopIteration:
            self._end_talk()

    def _end_talk(self) -> None:
        self._talk = self._question = None
        self._begun, self._begins = self._begun or self._begins, False
        if self._begun and self.order.waits:
            self._ready.extend(self._take_handed())
            self._ready.extend(self.order.admit())

    def _rest(self, now_s: float) -> None:
        self.unanswered += 1
        self._talk = self._question = None
        self._begins = False
        handed = self._take_handed()
        if not self.order.waits:  # else part of a snapshot, which comes again
            self._ready.extend(handed)
        self._patience.unanswered(now_s)
        if self.order.held:
            self._patience.wait(now_s)
            if self._patience.is_over(now_s):
                self._give_up()

    def _give_up(self) -> None:
        self._begins_live |= not self.order.session
        self._patience.give_up()
        self._ready.extend(self.order.give_up())

    def _begin_progress(self, position: Position) -> None:
        self._begins_live = False
        self._progress.begin(position)

    def _take_handed(self) -> list[FeedMessage]:
        handed, self._conversation.handed = self._conversation.handed, []
        return handed

"""What a subscriber does next: hand out, ask, or listen; no socket, the clock is an argument."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from umamba_rt.defaults import FEED_ADDRESS, QUERY_ADDRESS
from umamba_rt.feed.conversation import Answer, Ask, Conversation, NoHistoryError, Start, Talk
from umamba_rt.feed.message import FeedMessage, decode_frames
from umamba_rt.feed.order import Order
from umamba_rt.feed.position import Position, Progress

# The first comparison comes soon: a subscription takes effect a moment after it was asked for.
_FIRST_CHECK_S = 1.0
# What the daemon had sent by a comparison has come by then, or is lost.
_CONFIRM_S = 1.0
# After a question without an answer the feed goes on without history for that long.
_REST_S = 30.0


def query_address_of(address: str, query_address: str | None) -> str:
    """Where to ask for history: as told, else the default where the feed is the default one."""
    if query_address is not None:
        return query_address
    return QUERY_ADDRESS if address == FEED_ADDRESS else ""


class Follower:
    """One subscriber's state.

    Attributes:
        order: its counts.
        unanswered: questions to the history without a good answer.

    Args:
        topics: prefixes of topics.
        start: with what to begin.
        recovers: whether there is a history to ask.
        check_s: pause between two comparisons with the daemon, s.
    """

    def __init__(
        self, topics: Sequence[str], start: Start, *, recovers: bool, check_s: float
    ) -> None:
        self.order = Order(topics, recovers=recovers)
        self.unanswered = 0
        self._progress = Progress()
        self._conversation = Conversation(self.order, list(topics), self._progress.begin)
        self._start = start
        self._check_s = check_s
        self._ready: deque[FeedMessage] = deque()
        self._talk: Talk | None = None
        self._question: Ask | None = None
        self._begun = False
        self._asks = recovers
        self._next_check_s = self._confirm_s = float("inf")

    @property
    def position(self) -> Position:
        """How far it has come: what is ready and was not handed out comes again from there."""
        return self._progress.position

    def pop(self) -> FeedMessage | None:
        """The next message to hand out, if there is one."""
        if not self._ready:
            return None
        message = self._ready.popleft()
        self._progress.note(message)
        return message

    def question(self, now_s: float) -> Ask | None:
        """What is to be asked of the daemon before anything is read from the feed.

        Args:
            now_s: a clock that does not run backwards, s.
        """
        if self._question is None and self._asks:
            if not self._begun:
                self._begun = True
                self._next_check_s = now_s + _FIRST_CHECK_S
                self._open(self._conversation.begin(self._start))
            elif self.order.run is not None:
                self._open(self._conversation.runs())
        return self._question

    def answered(self, answer: Answer | None, now_s: float) -> None:
        """Take the answer to ``question``; None where there was none."""
        assert self._talk is not None
        try:
            self._question = self._talk.send(answer)
        except StopIteration:
            self._talk = self._question = None
        except NoHistoryError:
            self._rest(now_s)
        self._ready.extend(self._take_handed())

    def heard(self, frames: Sequence[bytes]) -> None:
        """Take a message from the feed.

        Raises:
            ValueError: it is none of this feed.
        """
        self._ready.extend(self.order.live(decode_frames(frames)))

    def idle(self, now_s: float) -> None:
        """Nothing is there to be read from the feed: time to compare with the daemon."""
        if not self._asks or not self._begun or self._question is not None:
            return
        if self.order.suspects:
            if now_s >= self._confirm_s:
                self.order.confirm()
        elif now_s >= self._next_check_s:
            self._confirm_s = now_s + _CONFIRM_S
            self._next_check_s = now_s + self._check_s
            self.order.recovers = True
            self._open(self._conversation.check())

    def wait_s(self, now_s: float) -> float:
        """How long the feed may be listened to before there is something to ask."""
        due_s = self._confirm_s if self.order.suspects else self._next_check_s
        return max(0.0, due_s - now_s)

    def _open(self, talk: Talk) -> None:
        self._talk = talk
        try:
            self._question = next(talk)
        except StopIteration:
            self._talk = self._question = None

    def _rest(self, now_s: float) -> None:
        self.unanswered += 1
        self._talk = self._question = None
        self._next_check_s = now_s + _REST_S
        self.order.recovers = False
        self._ready.extend(self._take_handed())
        self._ready.extend(self.order.give_up())

    def _take_handed(self) -> list[FeedMessage]:
        handed, self._conversation.handed = self._conversation.handed, []
        return handed

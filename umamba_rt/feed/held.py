"""Messages that wait for others which the history has to bring first."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from umamba_rt.feed.message import FeedMessage

# As many as wait at the daemon for a slow subscriber. Later ones are let go of: the history has
# them as well, and the numbers show that they are missing.
HELD_MOST = 10_000


class Held:
    """Live messages in the order in which they came; bounded.

    Args:
        most: of them.
    """

    def __init__(self, most: int = HELD_MOST) -> None:
        self._most = most
        self._messages: deque[FeedMessage] = deque()

    def __bool__(self) -> bool:
        return bool(self._messages)

    @property
    def newest_session(self) -> str:
        """The session of the latest one; empty where there is none."""
        return self._messages[-1].session if self._messages else ""

    def add(self, message: FeedMessage) -> None:
        """Keep one, if there is room."""
        if len(self._messages) < self._most:
            self._messages.append(message)

    def take(self, session: str | None = None) -> list[FeedMessage]:
        """Those of a session, which are kept no longer; None: all."""
        return self._taken(lambda one: session in (None, one.session))

    def take_before(self, message: FeedMessage) -> list[FeedMessage]:
        """Those of a message's topic that were sent before it; they are kept no longer."""
        of = message.session, message.topic
        return self._taken(lambda one: (one.session, one.topic) == of and one.seq < message.seq)

    def take_older(self, session: str, *, is_newest: bool) -> list[FeedMessage]:
        """Those of the sessions before one, kept no longer.

        Args:
            session: another one than theirs.
            is_newest: whether there is none after it; else they are those that came before it did.
        """
        if is_newest:
            return self._taken(lambda one: one.session != session)
        came = [one.session for one in self._messages]
        older = set(came[: came.index(session)]) if session in came else set[str]()
        return self._taken(lambda one: one.session in older)

    def put_back(self, messages: list[FeedMessage]) -> None:
        """Keep again some that were taken, before all others."""
        self._messages.extendleft(reversed(messages))

    def _taken(self, wanted: Callable[[FeedMessage], bool]) -> list[FeedMessage]:
        taken: list[FeedMessage] = []
        left: deque[FeedMessage] = deque()
        for message in self._messages:
            (taken if wanted(message) else left).append(message)
        self._messages = left
        return taken

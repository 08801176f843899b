"""What a subscriber asks the daemon's history, and what it makes of the answers; no socket.

Each conversation is a generator: it gives a request and takes the answer, or None where none came.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from typing import Any, Literal, TypeAlias

from umamba_rt.feed.message import FeedMessage, decode_answered
from umamba_rt.feed.order import Order
from umamba_rt.feed.position import Position, Seen

Start: TypeAlias = Literal["now", "snapshot", "history"] | Position
Answer: TypeAlias = dict[str, Any]
Ask: TypeAlias = tuple[str, dict[str, object]]
Talk: TypeAlias = Generator[Ask, Answer | None, None]

# A request may hold 64 topics and 4 kB; of more, all are asked for and ours are picked out.
_MAX_TOPICS = 64
_MAX_BYTES = 3000


class NoHistoryError(Exception):
    """The daemon did not answer, or not as its protocol says."""


class Conversation:
    """Questions about the history, in the interest of one ``Order``.

    Attributes:
        handed: messages that are to be handed out; taken away by who hands them out.

    Args:
        order: what they serve.
        topics: prefixes of the topics that are subscribed to.
        on_begin: gets the position that it begins at.
    """

    def __init__(
        self, order: Order, topics: list[str], on_begin: Callable[[Position], None]
    ) -> None:
        self.handed: list[FeedMessage] = []
        self._order = order
        self._topics = topics
        self._on_begin = on_begin

    def begin(self, start: Start) -> Talk:
        """Find out where the feed is, and hand out what ``start`` asks for.

        Raises:
            NoHistoryError: see there; the same holds for the other conversations.
        """
        if isinstance(start, Position) and start.session:
            self._on_begin(start)
            self._order.resume(start)
        elif start == "history":
            self._order.read_all()
        else:
            session, seq, seen = yield from self._positions()
            position = Position(session, seq, seq, seen)
            self._on_begin(position)
            self._order.begin(position)
            if start == "snapshot":
                yield from self._snapshot(seen)
        yield from self.runs()

    def check(self) -> Talk:
        """Compare with the daemon: a topic's last message may be lost, and nothing shows it."""
        session, _, seen = yield from self._positions()
        self._order.compare(session, seen)
        yield from self.runs()

    def runs(self) -> Talk:
        """Read the history for as long as the order wants it."""
        while (run := self._order.run) is not None:
            arguments = {"session": run.session, "seq": run.seq, "topics": _asked(run.topics)}
            answer = yield "since", arguments
            try:
                page = _checked(answer)
                following = str(page["next"]["session"]), int(page["next"]["seq"])
                messages = [decode_answered(row) for row in page["messages"]]
                of, present = str(page["of"]), str(page["session"])
                more, gone = bool(page["more"]), bool(page["gone"])
            except (KeyError, TypeError, ValueError) as error:
                raise NoHistoryError(f"since: {error!r}") from error
            self.handed += self._order.page(
                of, messages, following, present=present, more=more, gone=gone
            )

    def _positions(self) -> Generator[Ask, Answer | None, tuple[str, int, dict[str, Seen]]]:
        """The daemon's session and latest number, and each topic's last message by then.

        A topic of a later page may have gone on since: it is then fetched twice at most.
        """
        seen: dict[str, Seen] = {}
        session, first_seq, after = "", None, ""
        while True:
            wanted = {"topics": _asked(self._topics), "positions": True, "after": after}
            answer = yield "snapshot", wanted
            try:
                page = _checked(answer)
                for topic, topic_seq, seq in page["positions"]:
                    if topic.startswith(tuple(self._topics)):
                        seen[topic] = Seen(int(topic_seq), int(seq))
                session, after = str(page["session"]), page["next"]
                first_seq = int(page["seq"]) if first_seq is None else first_seq
            except (KeyError, TypeError, ValueError) as error:
                raise NoHistoryError(f"snapshot: {error!r}") from error
            if not after:
                return session, first_seq, seen

    def _snapshot(self, seen: dict[str, Seen]) -> Talk:
        """Hand out the latest message of each topic, as far as it is the one of ``seen``."""
        after = ""
        while True:
            answer = yield "snapshot", {"topics": _asked(self._topics), "after": after}
            try:
                page = _checked(answer)
                messages = [decode_answered(row) for row in page["messages"]]
                after = page["next"]
            except (KeyError, TypeError, ValueError) as error:
                raise NoHistoryError(f"snapshot: {error!r}") from error
            for message in messages:
                known = seen.get(message.topic)
                if known is not None and known.topic_seq == message.topic_seq:
                    self.handed.append(message)
            if not after:
                return


def _asked(topics: list[str] | tuple[str, ...]) -> list[str]:
    fits = len(topics) <= _MAX_TOPICS and len(json.dumps(topics)) <= _MAX_BYTES
    return list(topics) if fits else [""]


def _checked(answer: Answer | None) -> Answer:
    if answer is None:
        raise NoHistoryError("no answer")
    return answer

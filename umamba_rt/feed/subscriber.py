"""Subscribing to the feed, one message after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import zmq

from umamba_rt.client_socket import ClientSocket, prepared
from umamba_rt.curve import ClientKeys
from umamba_rt.defaults import FEED_ADDRESS
from umamba_rt.feed.conversation import Ask, Start
from umamba_rt.feed.counts import Counts
from umamba_rt.feed.follower import Follower, query_address_of
from umamba_rt.feed.message import FeedMessage
from umamba_rt.query import QueryClient, QueryFailedError

ANSWER_S = 5.0  # longest wait for an answer; less where the subscriber waits for less
LEAST_ANSWER_S = 0.5
# A refusal for asking too often is no failure: the daemon answers 20 requests a second.
TRIES, TRY_AGAIN_S = 40, 0.25
CHECK_S = 30.0


class Subscriber(Counts, ClientSocket):
    """Messages of a running daemon, as an iterator: each one once, those of a topic in order.

    >>> with Subscriber(topics=["magnitude.v2."]) as feed:  # doctest: +SKIP
    ...     for message in feed:
    ...         print(message.topic, message.body["magnitude"])

    What is lost on the way is fetched from the daemon's history, ``query_address``; what cannot be
    fetched is counted (``missed``). A daemon that was killed sends again what it may not have sent,
    and says so (``repeat``); what had arrived all the same is not handed out twice. A daemon that
    was restarted is connected to again, and the end of its last session is fetched, too.

    A history that does not answer is asked again, after 30 s at the latest. Topics without a gap go
    on meanwhile; what lies behind a gap waits, and so does a new session until the end of the last
    one was fetched: for a minute (``patience.PATIENCE_S``), and up to 10,000 messages
    (``held.HELD_MOST``), beyond which they are fetched as well. Then what waits is handed out, what
    is missing is counted, and of the last session's end nobody knows; until there is an answer a
    gap is counted at once. The beginning (``start``) is asked for until it is answered: it may be
    up before the daemon. For ``now``, messages that come before the answer are handed out.
    """

    def __init__(
        self,
        address: str = FEED_ADDRESS,
        topics: list[str] | None = None,
        *,
        timeout_s: float | None = None,
        query_address: str | None = None,
        start: Start = "now",
        keys: ClientKeys | None = None,
        check_s: float = CHECK_S,
    ) -> None:
        """Connect; ZeroMQ keeps trying where nobody listens yet.

        Args:
            address: the daemon's ``publisher.address``.
            topics: prefixes of topics; None: all.
            timeout_s: longest wait for a message; the iteration then ends. None: for ever.
            query_address: the daemon's ``query.address``; empty: lost messages are counted alone.
                None: the default one where ``address`` is the default one, else none.
            start: ``now``; ``snapshot``: the latest message of each topic first; ``history``: all
                that the daemon still has; or the ``position`` of an earlier subscriber.
            keys: where the daemon wants CURVE.
            check_s: pause between two looks at whether a topic's last message is lost, s.

        Raises:
            zmq.ZMQError: an address is none.
        """
        wanted = topics or [""]
        place = query_address_of(address, query_address)
        self._follower = Follower(wanted, start, recovers=bool(place), check_s=check_s)
        self._query: QueryClient | None = None
        self._timeout_s = float("inf") if timeout_s is None else timeout_s
        context = zmq.Context()
        self._socket = prepared(context.socket(zmq.SUB), keys)
        for topic in wanted:
            self._socket.set_string(zmq.SUBSCRIBE, topic)
        super().__init__(context, self._socket, address)
        answer_s = min(ANSWER_S, max(LEAST_ANSWER_S, self._timeout_s))
        if place:
            try:
                self._query = QueryClient(place, timeout_s=answer_s, keys=keys)
            except zmq.ZMQError:
                self.close()
                raise

    def __iter__(self) -> Iterator[FeedMessage]:
        while (message := self.receive()) is not None:
            yield message

    def receive(self) -> FeedMessage | None:
        """The next message, or None when ``timeout_s`` went by.

        Raises:
            ValueError: the peer sends something that is no message of this feed.
        """
        follower, ends_s = self._follower, time.monotonic() + self._timeout_s
        while (message := follower.pop()) is None:
            now_s = time.monotonic()
            if (question := follower.question(now_s)) is not None:
                follower.answered(self._answer(question), time.monotonic())
                continue
            wait_s = min(ends_s - now_s, follower.wait_s(now_s))
            if self._socket.poll(_milliseconds(wait_s)):
                follower.heard(self._socket.recv_multipart(), time.monotonic())
                continue
            follower.idle(now_s := time.monotonic())
            if now_s >= ends_s:
                return None
        return message

    def close(self) -> None:
        """Disconnect."""
        if self._query is not None:
            self._query.close()
        super().close()

    def _answer(self, question: Ask) -> dict[str, Any] | None:
        assert self._query is not None
        name, arguments = question
        for _ in range(TRIES):
            try:
                return self._query.ask(name, **arguments)
            except QueryFailedError as error:
                if error.code != "too-many":
                    return None
                time.sleep(TRY_AGAIN_S)
            except (TimeoutError, ValueError):
                return None
        return None


def _milliseconds(wait_s: float) -> int | None:
    """As ``poll`` takes it, rounded up: 0 would spin."""
    return None if wait_s == float("inf") else max(0, int(wait_s * 1000)) + 1

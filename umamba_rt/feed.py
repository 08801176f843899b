"""Subscribing to the feed: a thin reader over ZeroMQ; needs pyzmq alone."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import zmq

from umamba_rt.defaults import FEED_ADDRESS

# Windows of a sensor and model that a killed daemon may send again: those of a batch, 64 by
# default, were on their way.
_WINDOWS_KNOWN = 256


@dataclass(frozen=True, slots=True)
class FeedMessage:
    """One message: its topic, and its body as JSON's own types (see ``wire/schemas``)."""

    topic: str
    body: dict[str, Any]

    @property
    def sensor(self) -> str:
        """``NET.STA.LOC.BS`` of the sensor that it is about; empty for a heartbeat."""
        where = self.body.get("station", {})
        codes = ("network", "station", "location", "band_source")
        return ".".join(str(where[code]) for code in codes if code in where)


class Subscriber:
    """Messages of a running daemon, as an iterator.

    >>> with Subscriber(topics=["magnitude.v2."]) as feed:  # doctest: +SKIP
    ...     for message in feed:
    ...         print(message.topic, message.body["magnitude"])

    A daemon that was killed sends again what it may not have sent, and says so (``repeat``); what
    had arrived all the same is not handed out twice.

    Attributes:
        missed: messages that were sent but not received, as the jumps of ``seq`` tell; counted
            only when everything is subscribed to (``topics=[""]``), since a choice skips numbers.
        repeated: windows that came twice, over a restart of the daemon; handed out once.
    """

    def __init__(
        self,
        address: str = FEED_ADDRESS,
        topics: list[str] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> None:
        """Connect; ZeroMQ keeps trying where nobody listens yet.

        Args:
            address: the daemon's ``publisher.address``.
            topics: prefixes of topics; None: all.
            timeout_s: longest wait for a message; the iteration then ends. None: for ever.

        Raises:
            zmq.ZMQError: the address is none.
        """
        self.missed = 0
        self.repeated = 0
        self._latest: dict[str, deque[tuple[str, int]]] = {}
        self._topics = topics or [""]
        self._last: tuple[str, int] | None = None
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.set(zmq.LINGER, 0)
        self._socket.set(zmq.IPV6, 1)
        if timeout_s is not None:
            self._socket.set(zmq.RCVTIMEO, round(timeout_s * 1000))
        for topic in self._topics:
            self._socket.set_string(zmq.SUBSCRIBE, topic)
        self._socket.connect(address)

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[FeedMessage]:
        while (message := self.receive()) is not None:
            yield message

    def receive(self) -> FeedMessage | None:
        """The next message, or None when ``timeout_s`` went by.

        Raises:
            ValueError: the peer sends something that is no message of this feed.
        """
        while (message := self._receive()) is not None:
            if not self._had(message):
                return message
            self.repeated += 1
        return None

    def _receive(self) -> FeedMessage | None:
        try:
            frames = self._socket.recv_multipart()
        except zmq.Again:
            return None
        if len(frames) != 2:
            raise ValueError(f"a message of {len(frames)} frames, expected topic and body")
        if not frames[1].startswith(b"{"):
            raise ValueError("this feed is not JSON (publisher.format): decode it as MessagePack")
        body = json.loads(frames[1])
        self._count_missed(body)
        return FeedMessage(frames[0].decode(), body)

    def close(self) -> None:
        """Disconnect."""
        self._socket.close()
        self._context.term()

    def _had(self, message: FeedMessage) -> bool:
        """Whether a message is a repeat of one that was handed out."""
        start = message.body.get("window_start")
        if start is None:
            return False
        key = start, message.body["revision"]
        latest = self._latest.setdefault(message.topic, deque(maxlen=_WINDOWS_KNOWN))
        if message.body.get("repeat") and key in latest:
            return True
        latest.append(key)
        return False

    def _count_missed(self, body: dict[str, Any]) -> None:
        session, seq = body["session"], body["seq"]
        if "" in self._topics and self._last is not None and self._last[0] == session:
            self.missed += seq - self._last[1] - 1
        self._last = session, seq

"""feed/: subscribers over outages of the daemon and of its history, over real sockets."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.feed.serving import Served, asked, served
from tests.support import free_port
from umamba_rt.feed import AsyncSubscriber, Position, Subscriber, patience, topic_numbers
from umamba_rt.feed.conversation import Start

_LONGEST_S = 20.0


def address() -> str:
    return f"tcp://127.0.0.1:{free_port()}"


class Reader:
    """Reads a subscriber, and keeps the values of all topics but those that ``join`` sends.

    Attributes:
        values: in the order in which they came.
    """

    def __init__(self, subscriber: Subscriber) -> None:
        self.values: list[int] = []
        self._subscriber = subscriber
        self._joins = 0

    def until(self, reached: Callable[[], bool]) -> None:
        """Receive until then."""
        ends_s = time.monotonic() + _LONGEST_S
        while not reached():
            assert time.monotonic() < ends_s, self.values
            message = self._subscriber.receive()
            if message is None:
                continue
            if message.topic.startswith("join"):
                self._joins += 1
            else:
                self.values.append(message.body["value"])

    def until_value(self, value: int) -> None:
        """Receive until it has come."""
        self.until(lambda: value in self.values)

    def pause(self, seconds: float = 1.5) -> None:
        """Receive for so long: several comparisons."""
        ends_s = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > ends_s)

    def until_silence(self) -> None:
        """Receive until a question was not answered."""
        before = self._subscriber.unanswered
        self.until(lambda: self._subscriber.unanswered > before)

    def join(self, feed: Served) -> None:
        """Send until messages arrive; each time on a topic that nothing was lost of."""
        before, sent = self._joins, itertools.count()

        def arrived() -> bool:
            feed.send(f"join.{before}.{next(sent)}")
            return self._joins > before

        self.until(arrived)


def test_gap_of_an_outage_is_filled_when_the_history_answers_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The network is away, and the daemon goes on in its session; other topics do not wait."""
    monkeypatch.setattr(patience, "REST_S", 0.5)
    query_at = address()
    with (
        served() as feed,
        Subscriber(feed.feed, query_address=query_at, timeout_s=0.1, check_s=0.2) as subscriber,
    ):
        reader = Reader(subscriber)
        with asked(feed.recall, query_at):
            reader.join(feed)
            feed.send("t", 1)
            reader.until_value(1)
        reader.until_silence()
        subscriber._socket.disconnect(feed.feed)
        for value in range(2, 11):
            feed.send("t", value)
        subscriber._socket.connect(feed.feed)
        reader.join(feed)
        feed.send("t", 11)
        feed.send("t", 12)
        feed.send("other", 100)
        reader.until_value(100)
        assert reader.values == [1, 100]
        with asked(feed.recall, query_at):
            reader.until_value(12)
    assert reader.values == [1, 100, *range(2, 13)]
    assert (subscriber.missed, subscriber.gone) == (0, 0)


def test_end_of_the_last_session_comes_though_the_daemon_was_down_for_long(tmp_path: Path) -> None:
    feed_at, query_at = address(), address()
    with Subscriber(feed_at, query_address=query_at, timeout_s=0.1, check_s=0.2) as subscriber:
        reader = Reader(subscriber)
        with served(tmp_path, feed=feed_at, query=query_at) as feed:
            reader.join(feed)
            feed.send("t", 1)
            reader.until_value(1)
            subscriber._socket.disconnect(feed_at)
            feed.send("t", 2)
        reader.until_silence()
        with served(tmp_path, feed=feed_at, query=query_at) as feed:
            subscriber._socket.connect(feed_at)
            feed.send("t", 3)
            reader.join(feed)
            reader.until_value(3)
    assert reader.values == [1, 2, 3]
    assert subscriber.missed == 0


@pytest.mark.parametrize("timeout_s", [0.0, 0.01])
def test_subscriber_that_never_waits_recovers_again(
    monkeypatch: pytest.MonkeyPatch, timeout_s: float
) -> None:
    monkeypatch.setattr(patience, "REST_S", 0.5)
    query_at = address()
    with (
        served() as feed,
        Subscriber(
            feed.feed, query_address=query_at, timeout_s=timeout_s, check_s=0.2
        ) as subscriber,
    ):
        reader = Reader(subscriber)
        with asked(feed.recall, query_at):
            reader.join(feed)
        reader.until_silence()
        with asked(feed.recall, query_at):
            subscriber._socket.disconnect(feed.feed)
            feed.send("t", 1)  # lost, and nothing behind it shows that
            reader.until_value(1)
    assert (reader.values, subscriber.missed) == ([1], 0)


def test_sensors_whose_events_close_are_not_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topic_numbers, "CLOSED_KNOWN", 3)
    with (
        served() as feed,
        Subscriber(feed.feed, query_address=feed.query, timeout_s=0.1) as subscriber,
    ):
        reader = Reader(subscriber)
        reader.join(feed)
        for value in range(1, 21):
            feed.send(f"event.CI.S{value % 5}.--.HH", value, state="closed")
        reader.until_value(20)
    assert reader.values == list(range(1, 21))
    assert (subscriber.missed, subscriber.gone) == (0, 0)


def remember(directory: Path) -> Position:
    """An earlier session, all of which is on the disk; the position behind its third message."""
    with served(directory) as feed:
        for value in range(1, 6):
            feed.send(f"t{value % 2}", value)
        with Subscriber(feed.feed, query_address=feed.query, start="history") as subscriber:
            for _ in range(3):
                subscriber.receive()
            return subscriber.position


@pytest.mark.parametrize(
    ("start", "expected"),
    [("history", [1, 2, 3, 4, 5]), ("position", [4, 5]), ("now", []), ("snapshot", [])],
)
def test_beginning_is_asked_for_until_a_daemon_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, start: Any, expected: list[int]
) -> None:
    """``history`` and a position bring what came before it; ``now`` brings nothing of that."""
    monkeypatch.setattr(patience, "REST_S", 0.3)
    position = remember(tmp_path)
    begin: Start = position if start == "position" else start
    feed_at, query_at = address(), address()
    with Subscriber(
        feed_at, query_address=query_at, timeout_s=0.1, check_s=0.2, start=begin
    ) as subscriber:
        reader = Reader(subscriber)
        reader.until_silence()
        with served(tmp_path, feed=feed_at, query=query_at) as feed:
            reader.pause()  # nothing is sent: the first comparisons are without a message
            reader.join(feed)
            feed.send("t0", 6)
            reader.until_value(6)
            reader.pause()
    assert reader.values == [*expected, 6]
    assert subscriber.missed == 0


def test_async_subscriber_asks_for_its_beginning_until_a_daemon_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(patience, "REST_S", 0.3)
    remember(tmp_path)
    feed_at, query_at = address(), address()

    async def run() -> list[int]:
        async with AsyncSubscriber(
            feed_at, query_address=query_at, timeout_s=0.1, start="history"
        ) as subscriber:
            assert await subscriber.receive() is None
            assert subscriber.unanswered > 0
            with served(tmp_path, feed=feed_at, query=query_at):
                subscriber._timeout_s = _LONGEST_S
                found = [await subscriber.receive() for _ in range(5)]
                return [message.body["value"] for message in found if message is not None]

    assert asyncio.run(run()) == [1, 2, 3, 4, 5]

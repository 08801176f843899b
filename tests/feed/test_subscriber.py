"""feed/: both subscribers against a real publisher and its history, over real sockets."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zmq

from tests.feed.serving import Served, served
from tests.support import free_port
from umamba_rt.feed import AsyncSubscriber, FeedMessage, Position, Subscriber

Follow = Callable[..., list[FeedMessage]]


def follow(served: Served, until: int, **options: Any) -> tuple[list[FeedMessage], Subscriber]:
    """Messages until one has the value ``until``."""
    found: list[FeedMessage] = []
    with Subscriber(served.feed, query_address=served.query, timeout_s=20.0, **options) as feed:
        for message in feed:
            found.append(message)
            if message.body["value"] == until:
                break
        return found, feed


def values(messages: list[FeedMessage]) -> list[int]:
    return [message.body["value"] for message in messages]


def test_history_comes_first_and_then_the_feed(tmp_path: Path) -> None:
    with served(tmp_path) as feed:
        for value in range(1, 1001):
            feed.send(f"t{value % 5}", value)
        found, subscriber = follow(feed, 1000, start="history")
        assert values(found) == list(range(1, 1001))
        assert (subscriber.recovered, subscriber.missed, subscriber.gone) == (1000, 0, 0)


def test_snapshot_hands_out_the_latest_of_each_topic_and_goes_on() -> None:
    with served() as feed:
        for value in range(1, 101):
            feed.send(f"t{value % 5}", value)
        with Subscriber(
            feed.feed, query_address=feed.query, timeout_s=20.0, start="snapshot"
        ) as subscriber:
            assert sorted(values([_next(subscriber) for _ in range(5)])) == list(range(96, 101))
            for value in range(101, 111):
                feed.send(f"t{value % 5}", value)
            assert values([_next(subscriber) for _ in range(10)]) == list(range(101, 111))


def _next(subscriber: Subscriber) -> FeedMessage:
    message = subscriber.receive()
    assert message is not None
    return message


def join(subscriber: Subscriber, feed: Served) -> None:
    """Send until messages arrive, and take what was sent for that."""
    wait_s, subscriber._timeout_s = subscriber._timeout_s, 0.2
    while subscriber.receive() is None:
        feed.send("join", 0)
    while subscriber.receive() is not None:
        pass
    subscriber._timeout_s = wait_s


def test_stalled_subscriber_is_cut_off_by_its_mark_and_whole_again() -> None:
    """It reads nothing while far more is sent than its queues hold, and then misses nothing."""
    with (
        served(high_water_mark=50) as feed,
        Subscriber(feed.feed, query_address=feed.query, timeout_s=20.0) as subscriber,
    ):
        join(subscriber, feed)
        body = "x" * 1000
        for value in range(1, 20_001):
            feed.send(f"t{value % 7}", value, state=body)
        feed.send("t", -1)
        found: list[int] = []
        ends_s = time.monotonic() + 60
        while len(found) < 20_001 and time.monotonic() < ends_s:
            found.append(_next(subscriber).body["value"])
        assert sorted(found) == [-1, *range(1, 20_001)]
        assert subscriber.recovered > 1000
        assert (subscriber.missed, subscriber.gone, subscriber.unanswered) == (0, 0, 0)


def test_without_a_history_what_is_lost_is_counted() -> None:
    with served(high_water_mark=50) as feed, Subscriber(feed.feed, timeout_s=2.0) as subscriber:
        join(subscriber, feed)
        for value in range(20_000):
            feed.send("t", value, state="x" * 1000)
        received = sum(1 for _ in subscriber)
        feed.send("t", -1)  # what was dropped last shows with the next message only
        received += sum(1 for _ in subscriber)
        assert 0 < received < 20_000
        assert subscriber.missed + received == 20_001


def test_lost_last_message_of_a_quiet_topic_is_noticed_by_comparison() -> None:
    with (
        served() as feed,
        Subscriber(
            feed.feed, ["event."], query_address=feed.query, timeout_s=10.0, check_s=0.3
        ) as subscriber,
    ):
        # No message went through this socket: it is not connected to the feed at all.
        subscriber._socket.disconnect(feed.feed)
        subscriber._timeout_s = 0.1
        assert subscriber.receive() is None  # it has begun
        subscriber._timeout_s = 10.0
        feed.send("event.network.1", 5, state="closed")
        assert _next(subscriber).body["value"] == 5


@pytest.mark.parametrize("with_disk", [True, False])
def test_daemon_s_restart_is_followed(tmp_path: Path, with_disk: bool) -> None:
    """The end of its last session comes from the disk, else what had been sent is lost."""
    directory = tmp_path if with_disk else None
    feed_at, query_at = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
    subscriber = Subscriber(feed_at, query_address=query_at, timeout_s=20.0, check_s=0.5)
    with subscriber:
        with served(directory, feed=feed_at, query=query_at) as feed:
            join(subscriber, feed)
            for value in range(1, 11):
                feed.send("t", value)
            assert values([_next(subscriber) for _ in range(10)]) == list(range(1, 11))
            subscriber._socket.disconnect(feed_at)
            feed.send("t", 11)
        with served(directory, feed=feed_at, query=query_at) as feed:
            subscriber._socket.connect(feed_at)
            for value in range(20, 25):
                feed.send("t", value)
            found: list[int] = []
            while not found or found[-1] != 24:
                found.append(_next(subscriber).body["value"])
    assert found[-5:] == list(range(20, 25))
    assert (11 in found) == with_disk
    assert subscriber.gone == (not with_disk)


def test_history_that_is_not_there_costs_its_messages_and_not_the_feed() -> None:
    nowhere = f"tcp://127.0.0.1:{free_port()}"
    with (
        served() as feed,
        Subscriber(feed.feed, query_address=nowhere, timeout_s=0.5) as subscriber,
    ):
        value = 0
        while (message := subscriber.receive()) is None:
            value += 1
            feed.send("t", value)
        assert message.body["value"] > 0
        assert subscriber.unanswered == 1


def test_async_subscriber_is_the_same() -> None:
    async def run(feed: Served) -> tuple[list[FeedMessage], int]:
        async with AsyncSubscriber(
            feed.feed, ["t1", "t2"], query_address=feed.query, timeout_s=20.0, start="history"
        ) as subscriber:
            found = []
            async for message in subscriber:
                found.append(message)
                if message.body["value"] == 1001:
                    await asyncio.to_thread(feed.send, "t1", 1006)
                if message.body["value"] == 1006:
                    break
            return found, subscriber.missed

    with served() as feed:
        for value in range(1, 1003):
            feed.send(f"t{value % 5}", value)
        found, missed = asyncio.run(run(feed))
    assert values(found) == [v for v in range(1, 1003) if v % 5 in (1, 2)] + [1006]
    assert missed == 0


def test_async_subscriber_gives_up_waiting() -> None:
    async def run(feed: Served) -> FeedMessage | None:
        async with AsyncSubscriber(feed.feed, timeout_s=0.2) as subscriber:
            return await subscriber.receive()

    with served() as feed:
        assert asyncio.run(run(feed)) is None


def test_addresses_that_are_none_are_errors() -> None:
    with pytest.raises(zmq.ZMQError):
        Subscriber("bogus")
    with pytest.raises(zmq.ZMQError):
        Subscriber("tcp://127.0.0.1:1", query_address="bogus")


def _until_killed(feed: str, query: str, state: str, log: str) -> None:
    """A subscriber that keeps its position and what it got, each message at once."""
    kept = Path(state)
    start: Any = Position.of_json(json.loads(kept.read_text())) if kept.exists() else "history"
    with (
        Subscriber(feed, query_address=query, start=start, check_s=0.5) as subscriber,
        Path(log).open("a", encoding="utf-8", buffering=1) as file,
    ):
        for message in subscriber:
            file.write(f"{message.topic} {message.body['value']}\n")
            if random.random() < 0.05:
                beside = kept.with_suffix(".new")
                beside.write_text(json.dumps(subscriber.position.as_json()))
                beside.replace(kept)


def test_killed_and_restarted_ten_times_it_ends_with_what_one_has_that_never_left(
    tmp_path: Path,
) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    spawn = multiprocessing.get_context("fork")
    state, log = tmp_path / "position", tmp_path / "log"
    value = 0
    with served(tmp_path / "state", memory_messages=300) as feed:
        arguments = (feed.feed, feed.query, str(state), str(log))
        with Subscriber(
            feed.feed, query_address=feed.query, start="history", timeout_s=5.0
        ) as steady:
            stayed: list[FeedMessage] = []
            steady._timeout_s = 0.0
            for _ in range(10):
                process = spawn.Process(target=_until_killed, args=arguments)
                process.start()
                ends_s = time.monotonic() + rng.uniform(0.1, 0.6)
                while time.monotonic() < ends_s:
                    value += 1
                    feed.send(f"t{rng.randrange(9)}", value)
                    while (message := steady.receive()) is not None:
                        stayed.append(message)
                    time.sleep(0.001)
                process.kill()
                process.join()
            process = spawn.Process(target=_until_killed, args=arguments)
            process.start()
            value += 1
            feed.send("last", value)
            steady._timeout_s = 10.0
            while values(stayed)[-1:] != [value]:
                stayed.append(_next(steady))
            wanted = {f"{message.topic} {message.body['value']}" for message in stayed}
            assert len(wanted) == len(stayed) == value
            ends_s = time.monotonic() + 30
            while time.monotonic() < ends_s and set(_lines(log)) != wanted:
                time.sleep(0.1)
            process.kill()
            process.join()
    assert set(_lines(log)) == wanted


def _lines(path: Path) -> list[str]:
    """Each line is one write, which no kill cuts."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

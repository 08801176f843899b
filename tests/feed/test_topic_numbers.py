"""feed/: which numbers of a session were handed out."""

from __future__ import annotations

from typing import Any

import pytest

from umamba_rt.feed import topic_numbers
from umamba_rt.feed.message import FeedMessage
from umamba_rt.feed.order import Order
from umamba_rt.feed.position import Position, Seen
from umamba_rt.feed.topic_numbers import TopicNumbers


class Numbered:
    """Makes messages with the daemon's numbers."""

    def __init__(self) -> None:
        self._seq = 0
        self._topics: dict[str, int] = {}

    def message(self, topic: str, state: str = "open") -> FeedMessage:
        self._seq += 1
        self._topics[topic] = self._topics.get(topic, 0) + 1
        numbers: dict[str, Any] = {"seq": self._seq, "topic_seq": self._topics[topic]}
        return FeedMessage(topic, {"session": "s", "state": state} | numbers)


def begun() -> Order:
    order = Order(["event."], recovers=True)
    order.begin(Position("s", 0, 0, {}))
    return order


def test_sensor_s_topic_goes_on_after_any_number_of_closed_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before, the one that closed first was forgotten, and all of it was asked for again."""
    monkeypatch.setattr(topic_numbers, "CLOSED_KNOWN", 3)
    daemon, order = Numbered(), begun()
    for number in [*range(8), 0, 7]:
        for state in ("open", "closed"):
            assert order.live(daemon.message(f"event.CI.S{number}.--.HH", state))
            assert order.run is None
    assert order.missed == 0


def test_topic_of_a_closed_earthquake_is_forgotten_when_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topic_numbers, "CLOSED_KNOWN", 3)
    daemon, numbers = Numbered(), TopicNumbers("s", whole=True)
    closing = [daemon.message(f"event.network.{number}", "closed") for number in range(4)]
    for message in closing:
        numbers.note(message)
    assert [numbers.is_known(message) for message in closing] == [False, True, True, True]


def test_first_message_is_number_1_only_once_the_daemon_has_told_its_topics() -> None:
    numbers = TopicNumbers("s", base=10)
    message = FeedMessage("a", {"session": "s", "seq": 12, "topic_seq": 5})
    assert numbers.is_next(message)
    assert numbers.is_unsure("a")
    numbers.settle()  # nobody was asked
    assert numbers.is_next(message)
    numbers.compared({"a": Seen(5, 12), "b": Seen(3, 9)})
    assert dict(numbers.before) == {"b": Seen(3, 9)}
    numbers.settle()
    assert numbers.shows_gap(message)
    assert numbers.missing_before(message) == 4
    assert not numbers.lacks("b", 3)


def test_daemon_without_topic_numbers_is_taken_as_it_comes() -> None:
    numbers = TopicNumbers("s", whole=True)
    message = FeedMessage("a", {"session": "s", "seq": 12})
    numbers.note(message)
    assert numbers.is_next(message)
    assert not numbers.is_known(message)


def test_end_of_a_session_is_read_from_its_latest_topic_that_is_recent() -> None:
    far = topic_numbers.LOOK_BACK + 10
    numbers = TopicNumbers("s", seq=far, seen={"a": Seen(1, 5), "b": Seen(2, far - 3)}, whole=True)
    assert numbers.tail() == far - 3
    assert TopicNumbers("s", seq=far, whole=True).tail() == far

"""feed/: messages that wait."""

from __future__ import annotations

from umamba_rt.feed.held import Held
from umamba_rt.feed.message import FeedMessage


def message(session: str, seq: int) -> FeedMessage:
    return FeedMessage("t", {"session": session, "seq": seq})


def test_messages_beyond_the_bound_are_let_go_of() -> None:
    held = Held(2)
    for seq in (1, 2, 3):
        held.add(message("a", seq))
    assert [one.seq for one in held.take()] == [1, 2]
    assert not held


def test_one_session_s_messages_are_taken_and_put_back_before_the_others() -> None:
    held = Held()
    assert held.newest_session == ""
    for session, seq in (("a", 1), ("a", 2), ("b", 1)):
        held.add(message(session, seq))
    taken = held.take("a")
    assert [one.seq for one in taken] == [1, 2]
    assert held.newest_session == "b"
    held.put_back(taken[1:])
    assert [(one.session, one.seq) for one in held.take()] == [("a", 2), ("b", 1)]


def test_earlier_messages_of_a_topic_are_taken_alone() -> None:
    held = Held()
    for session, seq in (("a", 1), ("a", 3), ("b", 1)):
        held.add(message(session, seq))
    assert [one.seq for one in held.take_before(message("a", 2))] == [1]
    assert [(one.session, one.seq) for one in held.take()] == [("a", 3), ("b", 1)]


def test_older_sessions_are_those_that_came_before_one_or_all_others_of_the_newest() -> None:
    held = Held()
    for session, seq in (("a", 1), ("b", 1), ("c", 1)):
        held.add(message(session, seq))
    assert held.take_older("d", is_newest=False) == []  # it may lie before or behind
    assert [one.session for one in held.take_older("b", is_newest=False)] == ["a"]
    assert [one.session for one in held.take_older("c", is_newest=True)] == ["b"]
    assert [one.session for one in held.take()] == ["c"]

"""feed/: what a subscriber does while the history does not answer, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.feed.list_daemon import ListDaemon
from umamba_rt.feed import topic_numbers
from umamba_rt.feed.follower import Follower
from umamba_rt.feed.patience import LEAST_REST_S, PATIENCE_S, REST_S
from umamba_rt.feed.position import Position


class Scene:
    """A daemon and one subscriber; the clock stands unless it is moved."""

    def __init__(self, start: Any = "now", *, answers: bool = True, kept: int = 10_000) -> None:
        self.daemon, self.answers, self.now_s = ListDaemon(kept), answers, 0.0
        self.page = 500
        self.follower = Follower([""], start, recovers=True, check_s=30.0)

    def turn(self) -> list[tuple[str, int]]:
        """Ask what is to be asked; session and number of what was handed out."""
        while (question := self.follower.question(self.now_s)) is not None:
            answer = self.daemon.answer(*question, self.page) if self.answers else None
            self.follower.answered(answer, self.now_s)
        found = []
        while (message := self.follower.pop()) is not None:
            found.append((message.session, message.seq))
        return found

    def ask_once(self) -> None:
        """One question, which is answered; then no other one is."""
        question = self.follower.question(self.now_s)
        assert question is not None
        self.follower.answered(self.daemon.answer(*question, self.page), self.now_s)
        self.answers = False

    def hear(self, topic: str) -> list[tuple[str, int]]:
        """A message is sent, and arrives."""
        name, body = self.daemon.send(topic)
        self.follower.heard([name.encode(), json.dumps(body).encode()], self.now_s)
        return self.turn()

    def after(self, seconds: float) -> list[tuple[str, int]]:
        """Time passes in silence."""
        self.now_s += seconds
        self.follower.idle(self.now_s)
        return self.turn()


def outage() -> Scene:
    """A subscriber that has a message of each topic, and a question without an answer."""
    scene = Scene()
    scene.turn()
    assert scene.hear("a") + scene.hear("b") == [("s0", 1), ("s0", 2)]
    scene.answers = False
    scene.after(31.0)
    assert scene.follower.unanswered == 1
    return scene


def test_gap_during_a_rest_is_filled_when_there_are_answers_again() -> None:
    scene = outage()
    scene.daemon.send("a")  # lost
    assert scene.hear("a") == []
    assert scene.hear("b") == [("s0", 5)]
    scene.answers = True
    assert scene.after(LEAST_REST_S) == [("s0", 3), ("s0", 4)]
    assert scene.follower.order.missed == 0


def test_end_of_a_session_is_asked_for_during_a_rest() -> None:
    scene = outage()
    scene.daemon.send("b")  # lost
    scene.daemon.restart()
    assert scene.hear("a") == []
    scene.answers = True
    assert scene.after(LEAST_REST_S) == [("s0", 3), ("s1", 1)]


def test_gap_is_asked_for_again_though_messages_never_cease() -> None:
    scene = outage()
    scene.daemon.send("a")  # lost
    scene.hear("a")
    for _ in range(3):
        scene.now_s += REST_S / 4
        scene.hear("b")
    scene.answers = True
    scene.now_s += REST_S
    assert scene.hear("b") == [("s0", 8), ("s0", 3), ("s0", 4)]


def test_gap_is_counted_when_patience_ends_and_later_ones_at_once_until_an_answer_comes() -> None:
    scene = outage()
    scene.daemon.send("a")  # lost
    assert scene.hear("a") == []
    assert scene.after(PATIENCE_S - 1.0) == []
    assert scene.hear("a") == []
    assert scene.after(REST_S) == [("s0", 4), ("s0", 5)]
    assert scene.follower.order.missed == 1
    scene.daemon.send("a")  # lost
    assert scene.hear("a") == [("s0", 7)]
    assert scene.follower.order.missed == 2
    scene.answers = True
    scene.after(REST_S)
    scene.daemon.send("a")  # lost
    assert scene.hear("a") == [("s0", 8), ("s0", 9)]
    assert scene.follower.order.missed == 2


@pytest.mark.parametrize("answers", [True, False])
def test_end_of_a_session_is_asked_for_once_though_patience_is_spent(answers: bool) -> None:
    scene = outage()
    scene.daemon.send("a")  # lost
    scene.hear("a")
    scene.after(PATIENCE_S)
    scene.after(REST_S)
    assert scene.follower.order.missed == 1
    scene.daemon.send("b")  # lost
    scene.daemon.restart()
    scene.hear("a")
    scene.answers = answers
    found = scene.after(LEAST_REST_S)
    assert found == ([("s0", 5), ("s1", 1)] if answers else [("s1", 1)])
    assert scene.hear("a") == [("s1", 2)]


def test_what_the_history_no_longer_has_is_counted_and_the_rest_handed_out() -> None:
    scene = outage()
    scene.daemon.kept = 2
    for topic in ("a", "b"):
        scene.daemon.send(topic)  # lost
    assert scene.hear("a") + scene.hear("b") + scene.hear("a") == []
    scene.answers = True
    assert scene.after(LEAST_REST_S) == [("s0", 6), ("s0", 5), ("s0", 7)]
    assert scene.follower.order.missed == 2


def test_session_that_the_daemon_forgot_keeps_what_had_come_of_it() -> None:
    scene = outage()
    scene.daemon.send("a")  # lost
    assert scene.hear("a") == []
    scene.daemon.sessions.clear()
    scene.daemon.sessions.append(("s1", []))
    assert scene.hear("a") == []
    scene.answers = True
    assert scene.after(LEAST_REST_S) == [("s0", 4), ("s1", 1)]
    assert (scene.follower.order.missed, scene.follower.order.gone) == (1, 1)
    assert scene.hear("a") == [("s1", 2)]


def test_position_before_any_answer_begins_with_the_first_message() -> None:
    scene = Scene(answers=False)
    for topic in ("a", "b", "a"):
        scene.daemon.send(topic)
    assert scene.turn() == []
    assert scene.hear("a") == [("s0", 4)]
    assert (scene.follower.position.begun, set(scene.follower.position.topics)) == (3, {"a"})
    scene.answers = True
    scene.after(REST_S)
    assert set(scene.follower.position.topics) == {"a", "b"}
    again = Follower(
        [""], Position.of_json(scene.follower.position.as_json()), recovers=True, check_s=30.0
    )
    scene.follower = again
    assert scene.turn() == []
    assert scene.hear("b") == [("s0", 5)]
    assert again.order.missed == 0


def test_history_that_never_answers_costs_its_messages_and_not_the_feed() -> None:
    scene = Scene("history", answers=False)
    scene.daemon.send("a")
    assert scene.turn() == []
    assert scene.hear("a") == []
    assert scene.after(PATIENCE_S) == [("s0", 2)]
    assert scene.follower.position.begun == 1
    assert scene.hear("a") == [("s0", 3)]


def test_end_of_a_session_is_read_whole_behind_a_reading_for_one_topic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A gap so far back is asked for alone, and that question runs on into the next session."""
    scene = outage()
    monkeypatch.setattr(topic_numbers, "LOOK_BACK", 2)
    scene.daemon.send("a")  # lost
    for _ in range(4):
        scene.hear("b")
    assert scene.hear("a") == []
    scene.daemon.send("b")  # lost
    scene.daemon.restart()
    assert scene.hear("a") == []
    scene.answers = True
    assert scene.after(LEAST_REST_S) == [("s0", 3), ("s0", 8), ("s0", 9), ("s1", 1)]


def test_nothing_is_handed_out_ahead_of_a_history_that_is_read_half() -> None:
    scene = Scene("history", answers=False)
    for topic in ("a", "b", "a", "b"):
        scene.daemon.send(topic)
    scene.page = 1
    scene.ask_once()
    assert scene.turn() == [("s0", 1)]
    assert scene.hear("b") + scene.hear("a") == []
    scene.answers = True
    assert scene.after(LEAST_REST_S) == [("s0", seq) for seq in range(2, 7)]


@pytest.mark.parametrize("before", [0, 1])
def test_first_message_of_a_topic_is_not_lost_between_the_history_and_the_feed(before: int) -> None:
    """The subscription had no effect yet when it was sent, and the history had been read."""
    scene = Scene("history")
    for _ in range(before):
        scene.daemon.send("b")
    scene.turn()
    scene.daemon.send("a")  # lost
    assert scene.hear("a") == [("s0", before + 1), ("s0", before + 2)]
    assert scene.hear("a") == [("s0", before + 3)]
    assert scene.follower.order.missed == 0


def test_first_message_of_a_topic_is_not_lost_behind_another_one_s_gap() -> None:
    """That gap is asked for from where it is, which brings the topic's second message alone."""
    scene = Scene("history")
    scene.turn()
    scene.daemon.send("b")  # lost
    assert scene.hear("a") == [("s0", 2)]
    scene.daemon.send("a")  # lost
    name, body = scene.daemon.send("a")
    scene.daemon.send("b")  # not read yet
    scene.follower.heard([name.encode(), json.dumps(body).encode()], scene.now_s)
    assert sorted(scene.turn()) == [("s0", seq) for seq in (1, 3, 4, 5)]
    assert scene.follower.order.missed == 0


def test_topic_whose_first_messages_the_history_has_lost_costs_one_question() -> None:
    scene = Scene("history", kept=2)
    for topic in ("a", "b", "b", "b"):
        scene.daemon.send(topic)
    assert scene.turn() == [("s0", 3), ("s0", 4)]
    scene.daemon.send("b")  # lost
    assert scene.hear("a") == [("s0", 5), ("s0", 6)]
    assert scene.follower.order.missed == 0


def test_session_that_the_history_forgot_comes_before_the_next_one() -> None:
    """Without a disk each restart forgets all; the forgotten one would have ended the present."""
    scene = outage()
    scene.daemon.restart()
    assert scene.hear("a") == []
    scene.daemon.restart()
    scene.daemon.kept = 1
    scene.daemon.send("a")
    scene.answers = True
    assert scene.after(REST_S) == [("s1", 1), ("s2", 1)]
    assert scene.hear("a") == [("s2", 2)]


def test_snapshot_that_was_answered_half_comes_once_and_before_what_is_live() -> None:
    scene = Scene("snapshot")
    for topic in ("a", "b", "a"):
        scene.daemon.send(topic)
    scene.ask_once()  # the positions come, the messages do not
    assert scene.turn() == []
    assert scene.hear("a") == []
    scene.answers = True
    assert scene.after(LEAST_REST_S) == [("s0", 4), ("s0", 2)]
    assert scene.hear("a") == [("s0", 5)]


def test_snapshot_that_never_comes_costs_the_snapshot_and_not_the_feed() -> None:
    scene = Scene("snapshot", answers=False)
    for topic in ("a", "b"):
        scene.daemon.send(topic)
    assert scene.turn() == []
    assert scene.hear("a") == []
    assert scene.after(PATIENCE_S) == [("s0", 3)]
    scene.answers = True
    assert scene.after(REST_S) == []
    scene.daemon.send("a")  # lost
    assert scene.hear("b") + scene.hear("a") == [("s0", 5), ("s0", 4), ("s0", 6)]
    assert scene.follower.order.missed == 0

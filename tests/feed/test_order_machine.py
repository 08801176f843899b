"""feed/: the subscriber's core against a daemon that drops, restarts, forgets and falls silent."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.feed.list_daemon import ListDaemon
from umamba_rt.feed.follower import Follower
from umamba_rt.feed.held import Held
from umamba_rt.feed.message import FeedMessage
from umamba_rt.feed.position import Position

TOPICS = ["magnitude.v2.A", "magnitude.v2.B", "station.A", "event.network.1"]
FILTERS = [[""], ["magnitude."], ["magnitude.v2.A", "event."], ["station."]]


class Machine(RuleBasedStateMachine):
    """Whatever happens: no message twice, a topic's in order; and at peace, none missing."""

    @initialize(
        topics=st.sampled_from(FILTERS), kept=st.sampled_from([10_000, 10_000, 5]),
        page=st.integers(1, 4), before=st.integers(0, 5), answers=st.booleans(),
        patience_s=st.sampled_from([float("inf"), float("inf"), 40.0, 0.0]),
        held_most=st.sampled_from([10_000, 2]), start=st.sampled_from(["now", "now", "history"]),
    )  # fmt: skip
    def begin(
        self, topics: list[str], kept: int, page: int, before: int, answers: bool,
        patience_s: float, held_most: int, start: str,
    ) -> None:  # fmt: skip
        self.daemon, self.topics, self.page = ListDaemon(kept), topics, page
        self.patience_s, self.held_most, self.answers = patience_s, held_most, answers
        for number in range(before):
            self.daemon.send(TOPICS[number % 4])
        self.handed: list[FeedMessage] = []
        self.now_s = 0.0
        self.wire: list[tuple[str, dict[str, Any]]] = []
        self.missed, self.killed, self.gave_up = 0, False, False
        self.position = Position("", 0, 0, {})
        self.start = start
        # What was sent before it began is not its own.
        self.wanted_from = (self.daemon.sessions[-1][0], before if start == "now" else 0)
        self.begun_by_answer = answers or start == "history"
        self.connect(start)

    def connect(self, start: Any) -> None:
        self.wire.clear()
        self.follower = Follower(
            self.topics, start, recovers=True, check_s=30.0, patience_s=self.patience_s
        )
        self.follower.order.held = Held(self.held_most)
        give_up = self.follower.order.give_up

        def noted() -> list[FeedMessage]:
            self.gave_up = True
            return give_up()

        self.follower.order.give_up = noted  # type: ignore[method-assign]
        self.turn()

    def turn(self) -> None:
        """Questions and answers until there are none, then what is ready is handed out."""
        while (question := self.follower.question(self.now_s)) is not None:
            name, arguments = question
            answer = self.daemon.answer(name, arguments, self.page) if self.answers else None
            self.follower.answered(answer, self.now_s)
        while (message := self.follower.pop()) is not None:
            self.handed.append(message)
        self.position = self.follower.position

    def listen(self) -> None:
        while self.wire:
            topic, body = self.wire.pop(0)
            self.follower.heard([topic.encode(), json.dumps(body).encode()], self.now_s)
            self.turn()

    @rule(
        sent=st.lists(st.tuples(st.sampled_from(TOPICS), st.booleans()), min_size=1, max_size=8),
        read=st.booleans(),
    )
    def send(self, sent: list[tuple[str, bool]], read: bool) -> None:
        for topic, lost in sent:
            message = self.daemon.send(topic)
            if not lost and topic.startswith(tuple(self.topics)):
                self.wire.append(message)
        if read:
            self.listen()

    @rule()
    def read(self) -> None:
        self.listen()

    @rule(seconds=st.sampled_from([0.5, 2.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds
        self.turn()

    @rule(check=st.booleans())
    def no_answer(self, check: bool) -> None:
        self.answers = False
        if check:
            self.check()

    @rule(pages=st.integers(1, 3))
    def no_answer_in_the_midst(self, pages: int) -> None:
        """Some questions are answered, the next one is not."""
        for _ in range(pages):
            question = self.follower.question(self.now_s)
            if question is None:
                self.follower.idle(self.now_s)
                question = self.follower.question(self.now_s)
            if question is not None:
                answer = self.daemon.answer(*question, self.page) if self.answers else None
                self.follower.answered(answer, self.now_s)
        self.answers = False
        self.turn()

    @rule()
    def answers_again(self) -> None:
        self.answers = True
        self.turn()

    # Of sessions that ended before it began a subscriber knows nothing, and history may tell them
    # where it has lost the one that is asked for.
    @precondition(lambda self: self.begun_by_answer or self.handed)
    @rule()
    def restart_daemon(self) -> None:
        self.daemon.restart()

    @precondition(lambda self: self.position.session)
    @rule()
    def kill_and_restart_subscriber(self) -> None:
        """What it had not read is lost; its position was kept as JSON."""
        tree = json.loads(json.dumps(self.position.as_json()))
        self.missed, self.killed = self.missed + self.follower.order.missed, True
        self.connect(Position.of_json(tree))

    @rule()
    def check(self) -> None:
        self.listen()
        self.now_s += 31.0
        self.turn()
        self.follower.idle(self.now_s)
        self.turn()
        self.now_s += 1.0
        self.follower.idle(self.now_s)
        self.turn()

    @invariant()
    def nothing_comes_twice_and_topics_keep_their_order(self) -> None:
        last: dict[tuple[str, str], int] = {}
        sessions: list[str] = []
        for message in getattr(self, "handed", []):
            key = message.session, message.topic
            assert message.topic_seq > last.get(key, 0)
            last[key] = message.topic_seq
            assert message.topic.startswith(tuple(self.topics))
            sessions.append(message.session)
        # What was given up may yet come: a run that sent nothing leaves no trace in the history,
        # and who asks for it is told from the oldest on.
        if not getattr(self, "gave_up", False):
            assert sessions == sorted(sessions, key=lambda name: int(name[1:]))

    def wanted(self) -> list[tuple[str, int]]:
        session, begun = self.wanted_from
        return [
            (body["session"], body["seq"])
            for _, sent in self.daemon.sessions
            for topic, body in sent
            if topic.startswith(tuple(self.topics))
            and not (body["session"] == session and body["seq"] <= begun)
        ]

    def wanted_after_the_first(self) -> list[tuple[str, int]]:
        """Without an answer at the beginning: a topic's behind the first that was handed out."""
        if not self.handed:
            return []
        names = [session for session, _ in self.daemon.sessions]
        begun = names.index(self.handed[0].session)
        first: dict[str, int] = {}
        for message in self.handed:
            if message.session == names[begun]:
                first.setdefault(message.topic, message.seq)
        return [
            (session, body["seq"])
            for number, (session, sent) in enumerate(self.daemon.sessions)
            for topic, body in sent
            if topic.startswith(tuple(self.topics))
            and (number > begun or (number == begun and body["seq"] >= first.get(topic, 10_000)))
        ]

    @precondition(lambda self: hasattr(self, "daemon"))
    @rule()
    def at_peace_nothing_is_missing(self) -> None:
        """Once answers come again; a comparison shows what no later message has shown."""
        self.answers = True
        self.check()
        self.check()
        handed = [(message.session, message.seq) for message in self.handed]
        missed = self.missed + self.follower.order.missed
        patient = self.patience_s == float("inf")
        if self.daemon.kept == 10_000 and patient and self.begun_by_answer:
            assert sorted(handed) == sorted(self.wanted())
            assert missed == 0
            # A session that sent nothing is none that the history could know.
            assert self.follower.order.gone <= sum(not sent for _, sent in self.daemon.sessions)
        elif self.daemon.kept == 10_000 and patient:
            assert set(handed) >= set(self.wanted_after_the_first())
            assert missed == 0 or self.killed
        elif len(self.daemon.sessions) == 1 and self.begun_by_answer:
            lost_at_the_end = len(self.wanted()) - len(handed) - missed
            assert set(handed) <= set(self.wanted())
            assert lost_at_the_end >= 0


class PatientMachine(Machine):
    """With a history that has everything, and waits without end: nothing may be missing."""

    @initialize(
        topics=st.sampled_from(FILTERS), page=st.integers(1, 4), before=st.integers(0, 5),
        start=st.sampled_from(["now", "history"]),
    )  # fmt: skip
    def begin(self, topics: list[str], page: int, before: int, start: str) -> None:
        super().begin(topics, 10_000, page, before, True, float("inf"), 10_000, start)


TestMachine = Machine.TestCase
TestPatientMachine = PatientMachine.TestCase
TestMachine.settings = TestPatientMachine.settings = settings(
    max_examples=400, stateful_step_count=30, deadline=None
)

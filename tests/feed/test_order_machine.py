"""feed/: the subscriber's core against a daemon that drops, restarts and forgets."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from umamba_rt.feed.follower import Follower
from umamba_rt.feed.message import FeedMessage
from umamba_rt.feed.position import Position

TOPICS = ["magnitude.v2.A", "magnitude.v2.B", "station.A", "event.network.1"]
FILTERS = [[""], ["magnitude."], ["magnitude.v2.A", "event."], ["station."]]


class ListDaemon:
    """All that was ever sent, as plain lists, and the history's answers from them."""

    def __init__(self, kept: int) -> None:
        self.sessions: list[tuple[str, list[tuple[str, dict[str, Any]]]]] = []
        self.kept = kept
        self.restart()

    def restart(self) -> None:
        """A new session; one that ends before its first message leaves no trace."""
        self.sessions.append((f"s{len(self.sessions)}", []))

    def send(self, topic: str) -> tuple[str, dict[str, Any]]:
        session, sent = self.sessions[-1]
        topic_seq = 1 + sum(name == topic for name, _ in sent)
        body = {"schema": "umamba-rt/x/1", "session": session, "seq": len(sent) + 1}
        sent.append((topic, body | {"topic_seq": topic_seq}))
        return sent[-1]

    def history(self) -> list[tuple[str, dict[str, Any]]]:
        return [message for _, sent in self.sessions for message in sent][-self.kept :]

    def answer(self, name: str, arguments: dict[str, Any], page: int) -> dict[str, Any]:
        session, sent = self.sessions[-1]
        topics = tuple(arguments["topics"])
        if name == "snapshot":
            latest = {topic: body for topic, body in sent if topic.startswith(topics)}
            rows = [[topic, body["topic_seq"], body["seq"]] for topic, body in latest.items()]
            return {"session": session, "seq": len(sent), "positions": rows, "next": None}
        return self._since(arguments["session"], arguments["seq"], topics, page)

    def _since(self, asked: str, seq: int, topics: tuple[str, ...], page: int) -> dict[str, Any]:
        names = list(dict.fromkeys(body["session"] for _, body in self.history()))
        current, everything = self.sessions[-1]
        gone = False
        if asked != current and asked not in names:
            gone = asked != "oldest"
            asked, seq = (names or [current])[0], 0
        there = [(t, b) for t, b in self.history() if b["session"] == asked]
        begin = there[0][1]["seq"] if there else (len(everything) + 1 if asked == current else 0)
        gone |= bool(everything or asked != current) and seq + 1 < begin
        rows: list[dict[str, Any]] = []
        through = max(seq, begin - 1)
        for topic, body in there:
            if body["seq"] <= seq:
                continue
            if topic.startswith(topics):
                if len(rows) == page:
                    break
                rows.append({"topic": topic, "body": body})
            through = body["seq"]
        last = there[-1][1]["seq"] if there else through
        following, more = {"session": asked, "seq": through}, through < last
        if asked != current:
            if not more:
                later = names[names.index(asked) + 1 :]
                following = {"session": later[0] if later else current, "seq": 0}
            more = True
        return {"of": asked, "messages": rows, "gone": gone, "next": following, "more": more}


class Machine(RuleBasedStateMachine):
    """Whatever happens: no message twice, a topic's in order; and at peace, none missing."""

    @initialize(
        topics=st.sampled_from(FILTERS), kept=st.sampled_from([10_000, 10_000, 5]),
        page=st.integers(1, 4), before=st.integers(0, 5),
    )  # fmt: skip
    def begin(self, topics: list[str], kept: int, page: int, before: int) -> None:
        self.daemon, self.topics, self.page = ListDaemon(kept), topics, page
        for number in range(before):
            self.daemon.send(TOPICS[number % 4])
        self.handed: list[FeedMessage] = []
        self.now_s = 0.0
        self.wire: list[tuple[str, dict[str, Any]]] = []
        self.missed = 0
        self.position = Position("", 0, 0, {})
        self.connect("now")
        # What was sent before it began is not its own.
        self.wanted_from = (self.daemon.sessions[-1][0], before)

    def connect(self, start: Any) -> None:
        self.wire.clear()
        self.follower = Follower(self.topics, start, recovers=True, check_s=30.0)
        self.turn()

    def turn(self) -> None:
        """Questions and answers until there are none, then what is ready is handed out."""
        while (question := self.follower.question(self.now_s)) is not None:
            name, arguments = question
            self.follower.answered(self.daemon.answer(name, arguments, self.page), self.now_s)
        while (message := self.follower.pop()) is not None:
            self.handed.append(message)
        self.position = self.follower.position

    def listen(self) -> None:
        while self.wire:
            topic, body = self.wire.pop(0)
            self.follower.heard([topic.encode(), json.dumps(body).encode()])
            self.turn()

    @rule(topic=st.sampled_from(TOPICS), lost=st.booleans())
    def send(self, topic: str, lost: bool) -> None:
        message = self.daemon.send(topic)
        if not lost and topic.startswith(tuple(self.topics)):
            self.wire.append(message)

    @rule()
    def read(self) -> None:
        self.listen()

    @rule()
    def restart_daemon(self) -> None:
        self.daemon.restart()

    @rule()
    def kill_and_restart_subscriber(self) -> None:
        """What it had not read is lost; its position was kept as JSON."""
        tree = json.loads(json.dumps(self.position.as_json()))
        self.missed += self.follower.order.missed
        self.connect(Position.of_json(tree))

    @rule()
    def check(self) -> None:
        self.listen()
        self.now_s += 31.0
        self.follower.idle(self.now_s)
        self.turn()
        self.now_s += 1.0
        self.follower.idle(self.now_s)
        self.turn()

    @invariant()
    def nothing_comes_twice_and_topics_keep_their_order(self) -> None:
        last: dict[tuple[str, str], int] = {}
        for message in getattr(self, "handed", []):
            key = message.session, message.topic
            assert message.topic_seq > last.get(key, 0)
            last[key] = message.topic_seq
            assert message.topic.startswith(tuple(self.topics))

    @precondition(lambda self: hasattr(self, "daemon"))
    @rule()
    def at_peace_nothing_is_missing(self) -> None:
        """A comparison shows what no later message has shown."""
        self.check()
        session, begun = self.wanted_from
        wanted = [
            (body["session"], body["seq"])
            for _, sent in self.daemon.sessions
            for topic, body in sent
            if topic.startswith(tuple(self.topics))
            and not (body["session"] == session and body["seq"] <= begun)
        ]
        handed = [(message.session, message.seq) for message in self.handed]
        if self.daemon.kept == 10_000:
            assert sorted(handed) == sorted(wanted)
            assert self.missed + self.follower.order.missed == 0
            # A session that sent nothing is none that the history could know.
            assert self.follower.order.gone <= sum(not sent for _, sent in self.daemon.sessions)
        elif len(self.daemon.sessions) == 1:
            missed = self.missed + self.follower.order.missed
            lost_at_the_end = len(wanted) - len(handed) - missed
            assert set(handed) <= set(wanted)
            assert lost_at_the_end >= 0


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)

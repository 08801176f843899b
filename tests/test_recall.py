"""recall.py behind a real endpoint: snapshot, since and schema, from memory and from disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.feed.serving import Served, served
from umamba_rt.query import QueryClient, QueryFailedError
from umamba_rt.wire.schemas import KINDS


def everything(client: QueryClient, **arguments: object) -> list[dict[str, Any]]:
    """All pages of ``since``."""
    rows: list[dict[str, Any]] = []
    while True:
        answer = client.ask("since", **arguments)
        rows += answer["messages"]
        if not answer["more"]:
            return rows
        arguments |= answer["next"]


def values(rows: list[dict[str, Any]]) -> list[int]:
    return [row["body"]["value"] for row in rows]


def fill(feed: Served, count: int, begin: int = 1) -> None:
    for value in range(begin, begin + count):
        feed.send(f"magnitude.v2.S{value % 3}", value)


def test_since_gives_pages_until_the_latest_message() -> None:
    with served() as feed, QueryClient(feed.query) as client:
        fill(feed, 1234)
        assert values(everything(client, seq=0)) == list(range(1, 1235))
        assert values(everything(client, seq=1200, limit=7)) == list(range(1201, 1235))
        assert values(everything(client, seq=0, topics=["magnitude.v2.S1"])) == list(
            range(1, 1235, 3)
        )
        present = client.ask("since")
        assert present["messages"] == []
        assert present["next"] == {"session": feed.publisher.session, "seq": 1234}
        assert not present["gone"]
        feed.send("station.X", 7)
        assert values(everything(client, **present["next"])) == [7]


def test_what_left_memory_is_said_to_be_gone_and_from_where_it_is_whole() -> None:
    with served(memory_messages=100) as feed, QueryClient(feed.query) as client:
        fill(feed, 250)
        answer = client.ask("since", seq=10)
        assert (answer["gone"], answer["whole_from"]) == (True, 151)
        assert values(answer["messages"]) == list(range(151, 251))
        assert not client.ask("since", seq=150)["gone"]


def test_what_left_memory_comes_from_disk(tmp_path: Path) -> None:
    with (
        served(tmp_path, memory_messages=100) as feed,
        QueryClient(feed.query) as client,
    ):
        fill(feed, 2500)
        assert feed.recall.disk is not None
        feed.recall.disk._write()
        assert values(everything(client, seq=0)) == list(range(1, 2501))
        assert values(everything(client, seq=40, topics=["magnitude.v2.S0"])) == list(
            range(42, 2501, 3)
        )
        assert not client.ask("since", seq=0)["gone"]


def test_another_session_is_told_and_leads_over_to_the_present_one(tmp_path: Path) -> None:
    with served(tmp_path) as feed:
        fill(feed, 700)
        earlier = feed.publisher.session
    with served(tmp_path) as feed, QueryClient(feed.query) as client:
        fill(feed, 5, begin=1001)
        answer = client.ask("since", session=earlier, seq=690)
        assert (answer["of"], answer["session"]) == (earlier, feed.publisher.session)
        assert answer["next"] == {"session": feed.publisher.session, "seq": 0}
        assert values(everything(client, session=earlier, seq=690)) == [
            *range(691, 701),
            *range(1001, 1006),
        ]
        assert len(everything(client, session="oldest", seq=0)) == 705
        unknown = client.ask("since", session="nobody", seq=3)
        assert (unknown["gone"], unknown["of"]) == (True, earlier)


def test_session_of_a_daemon_without_a_disk_is_gone() -> None:
    with served() as feed, QueryClient(feed.query) as client:
        fill(feed, 5)
        answer = client.ask("since", session="nobody", seq=3)
        assert answer["gone"]
        assert answer["of"] == feed.publisher.session
        assert values(answer["messages"]) == [1, 2, 3, 4, 5]
        assert not client.ask("since", session="oldest")["gone"]


def test_snapshot_has_the_latest_of_each_topic_and_open_events_alone() -> None:
    with served(memory_messages=10) as feed, QueryClient(feed.query) as client:
        feed.send("station.A", 1, state="online")
        feed.send("event.network.1", 2)
        feed.send("event.network.2", 3)
        feed.send("event.network.1", 4, state="closed")
        fill(feed, 30)
        answer = client.ask("snapshot")
        assert answer["seq"] == 34
        assert [row["topic"] for row in answer["messages"]] == [
            "event.network.2",
            "magnitude.v2.S0",
            "magnitude.v2.S1",
            "magnitude.v2.S2",
            "station.A",
        ]
        assert values(answer["messages"]) == [3, 30, 28, 29, 1]
        positions = client.ask("snapshot", positions=True, topics=["event."])["positions"]
        assert positions == [["event.network.1", 2, 4], ["event.network.2", 1, 3]]


def test_snapshot_of_many_topics_comes_in_pages() -> None:
    with served() as feed, QueryClient(feed.query) as client:
        for number in range(4500):
            feed.send(f"station.{number:05d}", number)
        found, after = [], ""
        while after is not None:
            answer = client.ask("snapshot", after=after)
            found += values(answer["messages"])
            after = answer["next"]
        assert found == list(range(4500))
        page = client.ask("snapshot", positions=True)
        assert (len(page["positions"]), page["next"]) == (2000, "station.01999")


def test_schemas_can_be_had_from_the_daemon_itself() -> None:
    with served() as feed, QueryClient(feed.query) as client:
        assert client.ask("schema")["kinds"] == list(KINDS)
        for kind in KINDS:
            assert client.ask("schema", kind=kind)["json_schema"]["$id"].startswith("urn:umamba-rt")


@pytest.mark.parametrize(
    ("request_", "arguments"),
    [
        ("since", {"seq": -1}),
        ("since", {"seq": 1 << 63}),
        ("since", {"seq": "1"}),
        ("since", {"seq": True}),
        ("since", {"limit": 501}),
        ("since", {"topics": []}),
        ("since", {"topics": "magnitude"}),
        ("since", {"topics": [7]}),
        ("since", {"topics": ["x"] * 65}),
        ("since", {"topics": ["x" * 129]}),
        ("since", {"session": 7}),
        ("since", {"from": 7}),
        ("snapshot", {"positions": 1}),
        ("snapshot", {"after": 1}),
        ("schema", {"kind": "../magnitude"}),
    ],
)
def test_bad_argument_is_refused_by_name(request_: str, arguments: dict[str, object]) -> None:
    with served() as feed, QueryClient(feed.query) as client:
        with pytest.raises(QueryFailedError, match=f"bad-argument: .*{next(iter(arguments))}"):
            client.ask(request_, **arguments)
        assert feed.endpoint.counts == {"refused_bad_argument": 1}


def test_big_messages_make_small_pages() -> None:
    with served() as feed, QueryClient(feed.query) as client:
        for value in range(100):
            feed.send("magnitude.v1.S", value, state="x" * 20_000)
        assert len(client.ask("since", seq=0)["messages"]) == 12
        assert values(everything(client, seq=0)) == list(range(100))

"""history.py: what memory keeps of the feed, against a plain list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.history import ENTRY_BYTES, History
from umamba_rt.history_page import PageLimits
from umamba_rt.wire.history_record import Entry

ROOMY = PageLimits(1000, 1 << 20)


def filled(count: int, max_messages: int = 100, max_bytes: int = 1 << 20) -> History:
    history = History("s", max_messages=max_messages, max_bytes=max_bytes)
    for seq in range(1, count + 1):
        history.take(f"magnitude.v2.S{seq % 3}", seq, 1 + seq // 3, b"{%d}" % seq)
    return history


@given(
    count=st.integers(0, 60),
    kept=st.integers(1, 40),
    seq=st.integers(0, 70),
    limit=st.integers(1, 30),
    topics=st.sampled_from([[""], ["magnitude.v2.S1"], ["station."], ["magnitude.v2.S2", "x"]]),
)
def test_pages_give_what_a_plain_list_gives(
    count: int, kept: int, seq: int, limit: int, topics: list[str]
) -> None:
    history = filled(count, kept)
    there = [
        entry
        for entry in (Entry(f"magnitude.v2.S{n % 3}", n, 0, b"") for n in range(1, count + 1))
        if entry.seq > max(seq, count - kept) and entry.topic.startswith(tuple(topics))
    ]
    found: list[int] = []
    cursor, gone = seq, False
    while True:
        page = history.since(cursor, topics, PageLimits(limit, 1 << 20))
        found += [entry.seq for entry in page.entries]
        assert page.whole_from == max(1, count - kept + 1)
        gone |= page.gone
        if not page.more:
            break
        assert page.through > cursor
        cursor = page.through
    assert found == [entry.seq for entry in there]
    assert gone == (seq < count - kept)
    assert history.reaches(seq) == (not gone)


def test_memory_is_bounded_by_bytes() -> None:
    history = History("s", max_messages=10**6, max_bytes=100_000)
    for seq in range(1, 1001):
        history.take("heartbeat", seq, seq, b"x" * 650)
    figures = history.figures()
    assert figures["messages"] == 100_000 // (650 + ENTRY_BYTES)
    assert figures["bytes"] <= 100_000
    assert (figures["first_seq"], figures["last_seq"]) == (901, 1000)


def test_page_holds_as_many_bytes_as_it_may_but_one_message_at_least() -> None:
    history = History("s", max_messages=100, max_bytes=1 << 20)
    for seq in range(1, 11):
        history.take("t", seq, seq, b"x" * 99)
    assert len(history.since(0, [""], PageLimits(100, 350)).entries) == 3
    assert len(history.since(0, [""], PageLimits(100, 1)).entries) == 1


def test_filter_that_matches_nothing_comes_to_the_end_in_bounded_steps() -> None:
    history = filled(25_000, max_messages=30_000, max_bytes=1 << 30)
    cursors, more = [0], True
    while more:
        page = history.since(cursors[-1], ["station."], ROOMY)
        assert page.entries == []
        cursors.append(page.through)
        more = page.more
    assert cursors == [0, 10_000, 20_000, 25_000]


def test_latest_of_each_topic_outlives_the_messages_behind_it() -> None:
    history = History("s", max_messages=5, max_bytes=1 << 20)
    history.take("station.A", 1, 1, b"{}")
    for seq in range(2, 50):
        history.take("heartbeat", seq, seq - 1, b"{}")
    last, entries = history.latest([""])
    assert (last, [(entry.topic, entry.seq) for entry in entries]) == (
        49,
        [("heartbeat", 49), ("station.A", 1)],
    )
    assert [entry.topic for entry in history.latest(["station."])[1]] == ["station.A"]


def test_topics_without_end_keep_a_bounded_number_of_latest_messages() -> None:
    history = History("s", max_messages=5, max_bytes=1 << 20, max_topics=10)
    for seq in range(1, 101):
        history.take(f"magnitude.v2.{seq}", seq, 1, b"{}")
    assert [entry.seq for entry in history.latest([""])[1]] == [100, *range(91, 100)]
    assert history.figures()["topics"] == 10


def test_network_events_without_end_drive_out_no_station() -> None:
    """Each has a topic of its own, and a quiet station's latest message may be old."""
    history = History("s", max_messages=5, max_bytes=1 << 20, max_topics=3, max_events=10)
    history.take("station.A", 1, 1, b"{}")
    history.take("event.CI.A.--.HH", 2, 1, b"{}")
    for seq in range(3, 101):
        history.take(f"event.network.{seq:03}", seq, 1, b"{}")
    history.take("event.network.095", 101, 2, b"{}")
    history.take("station.B", 102, 1, b"{}")
    _, entries = history.latest([""])
    assert [(entry.topic, entry.seq) for entry in entries] == [
        ("event.CI.A.--.HH", 2),
        *((f"event.network.{seq:03}", 101 if seq == 95 else seq) for seq in range(91, 101)),
        ("station.A", 1),
        ("station.B", 102),
    ]
    assert history.figures()["topics"] == 13
    found = history.latest(["event.network.", "station.B"])[1]
    assert len(found) == 11
    history.take("station.C", 103, 1, b"{}")
    assert [entry.topic for entry in history.latest(["station.", "event.CI"])[1]] == [
        "event.CI.A.--.HH",
        "station.B",
        "station.C",
    ]


def test_event_is_over_when_it_is_closed() -> None:
    assert Entry("event.network.1", 1, 1, b'{"state":"closed"}').is_over
    assert not Entry("event.network.1", 1, 1, b'{"state":"updated"}').is_over
    assert not Entry("station.A", 1, 1, b'{"state":"closed"}').is_over


def test_closed_events_keep_their_numbers_and_take_no_room() -> None:
    """A year of them would take 100 MB."""
    history, detail = History("s", max_messages=2, max_bytes=1 << 20), b"x" * 20_000
    topics = [f"event.network.{number:04}" for number in range(1, 1001)]
    for seq, topic in enumerate(topics, 1):
        history.take(topic, 2 * seq - 1, 1, b'{"state":"open","more":"%b"}' % detail)
        history.take(topic, 2 * seq, 2, b'{"state":"closed","more":"%b"}' % detail)
    history.take("event.network.open", 2001, 1, b'{"state":"open","more":"%b"}' % detail)
    _, entries = history.latest(["event."])
    *closed, is_open = entries
    assert [(one.topic, one.seq, one.topic_seq) for one in closed] == [
        (topic, 2 * seq, 2) for seq, topic in enumerate(topics, 1)
    ]
    assert all(one.is_over for one in closed)
    assert sum(len(one.body) for one in closed) < 100 * len(closed)
    assert (is_open.is_over, len(is_open.body) > len(detail)) == (False, True)
    page = history.since(1999, ["event."], ROOMY)
    assert [len(one.body) > len(detail) for one in page.entries] == [True, True]  # as it was sent

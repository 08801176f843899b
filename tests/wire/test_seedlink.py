from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.wire.seedlink import Session
from umamba_rt.wire.seedlink_commands import MAX_LINE_BYTES
from umamba_rt.wire.seedlink_events import Close, Ending, Event, Reply, StartStreaming
from umamba_rt.wire.seedlink_frames import Protocol
from umamba_rt.wire.seedlink_info import Identity, InfoRequest
from umamba_rt.wire.seedlink_negotiation import MAX_SELECTORS, MAX_STATIONS
from umamba_rt.wire.seedlink_select import Position, Subscription

IDENTITY = Identity("replay/1", "Observatory", 0)
OK = Reply(b"OK\r\n")
ERROR = Reply(b"ERROR\r\n")
START_NS, END_NS = 1562261580000000000, 1562261610000000000  # 17:33:00, 17:33:30


def say(session: Session, *lines: str) -> list[Event]:
    return [event for line in lines for event in session.receive(line.encode() + b"\r\n")]


def v3() -> Session:
    return Session(IDENTITY)


def v4() -> Session:
    session = Session(IDENTITY)
    assert say(session, "HELLO", "SLPROTO 4.0")[-1] == OK
    return session


def started(events: list[Event]) -> StartStreaming:
    (start,) = [event for event in events if isinstance(event, StartStreaming)]
    return start


def only_position(events: list[Event]) -> Position:
    (subscription,) = started(events).subscriptions
    return subscription.position


def code(event: Event) -> str:
    assert isinstance(event, Reply)
    return event.content.decode().split()[1]


def test_hello_is_two_lines_in_one_reply() -> None:
    (reply,) = say(v3(), "hello")
    assert isinstance(reply, Reply)
    assert reply.content.startswith(b"SeedLink v4.0 (replay/1) :: SLPROTO:4.0 SLPROTO:3.1 ")
    assert reply.content.endswith(b"\r\nObservatory\r\n")


def test_v3_handshake_starts_with_end() -> None:
    session = v3()
    lines = ("STATION CCC CI", "SELECT HHZ", "DATA 00002F", "STATION B916 PB", "DATA")
    assert say(session, *lines) == [OK] * 5
    start = started(say(session, "END"))
    assert (start.protocol, start.ending) == (Protocol.V3, Ending.NEVER)
    ccc, b916 = start.subscriptions
    assert (ccc.station, ccc.position) == ("CI_CCC", Position(0x2F))
    assert (b916, b916.selectors) == (Subscription("PB_B916"), ())


def test_v3_uni_station_mode_starts_with_data_and_means_every_station() -> None:
    assert say(v3(), "SELECT HHZ") == [OK]
    (event,) = say(v3(), "DATA 5")
    assert isinstance(event, StartStreaming)
    assert event.subscriptions == (Subscription("*", (), Position(5)),)


def test_v3_station_without_network_means_any_network() -> None:
    start = started(say(v3(), "STATION CCC", "DATA", "END"))
    assert start.subscriptions[0].station == "*_CCC"


def test_v3_explicit_station_goes_before_a_wildcard() -> None:
    events = say(v3(), "STATION * *", "DATA", "STATION CCC CI", "DATA", "END")
    assert [s.station for s in started(events).subscriptions] == ["CI_CCC", "*_*"]


def test_v3_empty_select_takes_all_selectors_back() -> None:
    events = say(v3(), "STATION CCC CI", "SELECT HHZ", "SELECT", "DATA", "END")
    assert started(events).subscriptions[0].selectors == ()


def test_v3_select_takes_all_its_words() -> None:
    events = say(v3(), "STATION CCC CI", "SELECT HHZ HHN", "DATA", "END")
    assert [s.pattern for s in started(events).subscriptions[0].selectors] == ["??HHZ", "??HHN"]


def test_v3_refuses_without_a_reason_and_goes_on() -> None:
    session = v3()
    bad = ("NONSENSE", "STATION", "END", "TIME", "DATA xyz", "STATION a!b c", "STATION a b c")
    assert say(session, *bad) == [ERROR] * 7
    events = say(session, "STATION CCC CI", "SELECT nonsense-selector", "DATA 1 2 3 4")
    assert events == [OK, ERROR, ERROR]


def test_v3_extended_replies_say_why() -> None:
    events = say(v3(), "CAPABILITIES EXTREPLY", "NONSENSE")
    assert events == [OK, Reply(b"ERROR\rUNSUPPORTED Unrecognized command: NONSENSE\r\n")]


def test_v3_batch_is_silent_but_for_its_own_reply() -> None:
    events = say(v3(), "BATCH", "STATION CCC CI", "SELECT bad-selector", "DATA", "END")
    assert events[0] == OK
    assert [type(event) for event in events[1:]] == [StartStreaming]


def test_v3_time_window_ends_by_itself() -> None:
    window = "TIME 2019,7,4,17,33,0 2019,7,4,17,33,30"
    events = say(v3(), "STATION CCC CI", window, "END")
    assert started(events).ending is Ending.WINDOW
    assert only_position(events) == Position(None, True, START_NS, END_NS)


def test_v3_time_without_an_end_goes_on() -> None:
    events = say(v3(), "STATION CCC CI", "TIME 2019,7,4,17,33,0", "END")
    assert started(events).ending is Ending.NEVER


def test_v3_resume_may_carry_the_last_packets_time() -> None:
    events = say(v3(), "STATION CCC CI", "DATA 2F 2019,7,4,17,33,0", "END")
    assert only_position(events) == Position(0x2F, False, START_NS)


def test_v3_fetch_means_the_whole_queue_or_from_a_number() -> None:
    events = say(v3(), "STATION CCC CI", "FETCH", "END")
    assert started(events).ending is Ending.QUEUE
    assert only_position(events) == Position(None, True, queued_only=True)
    assert only_position(say(v3(), "FETCH 2")) == Position(2, queued_only=True)


def test_v3_fetch_beside_data_never_ends() -> None:
    events = say(v3(), "STATION A B", "FETCH", "STATION C D", "DATA", "END")
    assert started(events).ending is Ending.NEVER


def test_v3_fetch_beside_a_window_ends_with_the_window() -> None:
    window = "TIME 2019,7,4,17,33,0 2019,7,4,17,33,30"
    events = say(v3(), "STATION A B", "FETCH", "STATION C D", window, "END")
    assert started(events).ending is Ending.WINDOW


def test_v3_stream_is_not_disturbed_by_commands() -> None:
    session = v3()
    say(session, "DATA")
    assert say(session, "STATION CCC CI", "NONSENSE", "DATA") == []


def test_info_is_answered_while_streaming() -> None:
    session = v3()
    say(session, "DATA")
    assert say(session, "INFO id") == [InfoRequest("ID", "*", "*", Protocol.V3)]


def test_info_without_an_item_is_passed_on_as_none() -> None:
    assert say(v3(), "INFO") == [InfoRequest("", "*", "*", Protocol.V3)]


def test_cat_is_a_request_for_the_list() -> None:
    assert say(v3(), "CAT") == [InfoRequest("CAT", "*", "*", Protocol.V3)]


def test_v4_handshake_with_bare_carriage_returns() -> None:
    session = v4()
    sent = (
        b"USERAGENT x/1\r\nSTATION CI_CCC\rSELECT *_H_H_? !*_H_H_E\rDATA 47\rSTATION PB_*\rDATA\r"
    )
    assert session.receive(sent) == [OK] * 6
    start = started(session.receive(b"END\r\n"))
    assert (start.protocol, start.ending) == (Protocol.V4, Ending.NEVER)
    assert [s.station for s in start.subscriptions] == ["CI_CCC", "PB_*"]
    assert [s.negative for s in start.subscriptions[0].selectors] == [False, True]
    assert start.subscriptions[0].position == Position(47)


@pytest.mark.parametrize(
    ("command", "position"),
    [
        ("DATA", Position()),
        ("DATA -1", Position()),
        ("DATA ALL", Position(None, True)),
        ("DATA 7 2019-07-04T17:33:00Z", Position(7, False, START_NS)),
        (
            "DATA ALL 2019-07-04T17:33:00Z 2019-07-04T17:33:30Z",
            Position(None, True, START_NS, END_NS),
        ),
        ("DATA -1 2019-07-04T17:33:00Z", Position(None, True, START_NS)),
    ],
)
def test_v4_data_takes_a_number_and_a_window(command: str, position: Position) -> None:
    events = say(v4(), "STATION CI_CCC", command, "END")
    assert only_position(events) == position
    assert started(events).ending is Ending.NEVER  # v4: real time never ends


def test_v4_endfetch_ends_with_the_queue() -> None:
    events = say(v4(), "STATION CI_CCC", "DATA 7", "STATION *", "ENDFETCH")
    assert started(events).ending is Ending.QUEUE
    first, second = started(events).subscriptions
    assert first.position == Position(7, queued_only=True)
    assert second.position == Position(None, True, queued_only=True)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("NONSENSE", "UNSUPPORTED"),
        ("TIME 2019,7,4", "UNSUPPORTED"),
        ("AUTH USERPASS a b", "UNSUPPORTED"),
        ("SLPROTO 4.0", "UNEXPECTED"),
        ("SELECT *", "UNEXPECTED"),
        ("DATA", "UNEXPECTED"),
        ("END", "UNEXPECTED"),
        ("ENDFETCH", "UNEXPECTED"),
        ("STATION", "ARGUMENTS"),
        ("STATION A B", "ARGUMENTS"),
        ("STATION a!b", "ARGUMENTS"),
    ],
)
def test_v4_refusal_has_its_code(line: str, expected: str) -> None:
    (reply,) = say(v4(), line)
    assert code(reply) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("SELECT", "ARGUMENTS"),
        ("SELECT bad!selector", "ARGUMENTS"),
        ("SELECT *:3", "UNSUPPORTED"),
        ("DATA abc", "ARGUMENTS"),
        ("DATA 1 yesterday", "ARGUMENTS"),
        ("DATA 1 2 3 4", "ARGUMENTS"),
    ],
)
def test_v4_station_goes_on_after_a_refusal(line: str, expected: str) -> None:
    session = v4()
    events = say(session, "STATION CI_CCC", line, "DATA 3", "END")
    assert code(events[1]) == expected
    assert only_position(events) == Position(3)


def test_v4_command_while_streaming_is_unexpected() -> None:
    session = v4()
    say(session, "STATION CI_CCC", "END")
    assert [code(event) for event in say(session, "DATA 1", "HELLO")] == ["UNEXPECTED"] * 2


def test_v4_info_takes_patterns() -> None:
    assert say(v4(), "INFO STREAMS CI_* *_Z.2D") == [
        InfoRequest("STREAMS", "CI_*", "*_Z", Protocol.V4)
    ]


def test_slproto_3_1_stays_with_v3_and_others_are_refused_with_a_code() -> None:
    session = v3()
    assert say(session, "SLPROTO 3.1", "SLPROTO") == [OK, ERROR]
    assert code(say(session, "SLPROTO 5.0")[0]) == "UNSUPPORTED"
    assert session.protocol is Protocol.V3
    assert say(session, "STATION CCC CI", "SLPROTO 4.0") == [OK, ERROR]


def test_too_many_stations_are_refused() -> None:
    session = v4()
    events = say(session, *["STATION A_B"] * (MAX_STATIONS + 1))
    assert events[:-1] == [OK] * MAX_STATIONS
    assert code(events[-1]) == "LIMIT"


def test_too_many_selectors_are_refused() -> None:
    session = v4()
    events = say(session, "STATION A_B", *["SELECT A B"] * (MAX_SELECTORS // 2 + 1))
    assert code(events[-1]) == "LIMIT"
    assert events[:-1] == [OK] * (MAX_SELECTORS // 2 + 1)


def test_bye_closes_and_nothing_after_it_counts() -> None:
    session = v3()
    assert session.receive(b"BYE\r\nHELLO\r\n") == [Close()]
    assert session.receive(b"HELLO\r\n") == []


@pytest.mark.parametrize("line", [b"\xff\xfe", b"A" * (MAX_LINE_BYTES + 1), b"GET \x00"])
def test_what_is_no_command_line_is_refused_and_the_connection_closed(line: bytes) -> None:
    session = v3()
    assert session.receive(b"NONSENSE\r\n" + line + b"\r\nHELLO\r\n") == [ERROR, ERROR, Close()]


WORDS = (
    "HELLO SLPROTO 4.0 3.1 STATION CCC CI CI_* * SELECT HHZ *_H_H_? ! DATA FETCH TIME END ENDFETCH "
    "ALL -1 2F 2019,7,4 2019-07-04T00:00:00Z INFO ID BATCH CAPABILITIES EXTREPLY CAT AUTH"
)
LINES = st.lists(st.sampled_from(WORDS.split()), max_size=5).map(
    lambda words: " ".join(words).encode()
)
NOISE = st.binary(max_size=200)


@given(st.lists(st.tuples(LINES | NOISE, st.sampled_from([b"\r", b"\n", b"\r\n", b""]))))
def test_no_bytes_raise_or_stay(pieces: list[tuple[bytes, bytes]]) -> None:
    session = v3()
    closed = False
    for content, terminator in pieces:
        events = session.receive(content + terminator)
        assert not (closed and events)
        closed = closed or Close() in events
        for event in events:
            if isinstance(event, Reply):
                assert event.content.endswith(b"\r\n")
                assert len(event.content) < MAX_LINE_BYTES + 100
        assert len(session._lines) <= MAX_LINE_BYTES

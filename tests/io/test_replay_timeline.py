from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import Segment
from umamba_rt.io.replay_cursor import Cursor
from umamba_rt.io.replay_timeline import MAX_LOOPS_AHEAD, ReplayClock, Timeline
from umamba_rt.wire.record import NS, ReplayRecord, pack_segment
from umamba_rt.wire.seedlink_events import Ending, StartStreaming
from umamba_rt.wire.seedlink_frames import Protocol
from umamba_rt.wire.seedlink_select import Position, Subscription

START_NS = 1562258999997986000


def archive(seconds: int = 60) -> list[ReplayRecord]:
    samples = np.random.default_rng(0).integers(-999, 999, seconds * 100).astype(np.int32)
    records = [
        record
        for name in ("FDSN:CI_CCC__H_H_Z", "FDSN:PB_B916__E_H_Z")
        for record in pack_segment(Segment(SourceId.parse(name), START_NS, 100.0, samples))
    ]
    return sorted(records, key=lambda r: (r.end_ns, str(r.source_id)))


RECORDS = archive()
N = len(RECORDS)


class ManualClock:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


def test_numbers_begin_at_one_and_end_with_the_archive() -> None:
    timeline = Timeline(RECORDS)
    assert [timeline.has(n) for n in (0, 1, N, N + 1)] == [False, True, True, False]
    assert (timeline.record(1), timeline.record(N), timeline.last) == (RECORDS[0], RECORDS[-1], N)
    with pytest.raises(IndexError):
        timeline.record(N + 1)


def test_timeline_without_records_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a record"):
        Timeline([])
    with pytest.raises(ValueError, match="needs a record"):
        Timeline(RECORDS, turns=0)
    with pytest.raises(ValueError, match="needs a record"):
        Timeline(RECORDS, turns=-1)


def test_loop_repeats_later_by_whole_seconds_without_overlap() -> None:
    timeline = Timeline(RECORDS, turns=None)
    assert timeline.last is None
    again = timeline.record(2 * N + 1)
    assert again.start_ns == RECORDS[0].start_ns + 2 * timeline.period_s * NS
    for turn in (1, 2):
        before = max(timeline.record(n).end_ns for n in range(N * (turn - 1) + 1, N * turn + 1))
        after = min(timeline.record(n).start_ns for n in range(N * turn + 1, N * (turn + 1) + 1))
        assert NS // 100 <= after - before <= 3 * NS


def test_turns_come_to_an_end() -> None:
    timeline, _, _ = paced(turns=3)
    assert timeline.last == 3 * N
    assert [timeline.has(n) for n in (1, 3 * N, 3 * N + 1)] == [True, True, False]
    assert timeline.record(3 * N) == Timeline(RECORDS, turns=None).record(3 * N)
    assert timeline.is_plausible(3 * N + 1, 0)
    assert not timeline.is_plausible(3 * N + 2, 0)
    clock = ReplayClock(timeline, None, ManualClock())
    cursor = Cursor(request(Position(2 * N + 1)), timeline, clock)
    assert numbers(cursor) == list(range(2 * N + 1, 3 * N + 1, 2))


@given(st.integers(-5, 400_000), st.sampled_from([None, 1, 3]))
def test_released_at_agrees_with_counting(offset_ms: int, turns: int | None) -> None:
    timeline = Timeline(RECORDS, shift_s=1000, turns=turns)
    time_ns = timeline.start_ns + offset_ms * 1_000_000
    numbers = range(1, (turns or 8) * N + 1)
    expected = sum(timeline.release_ns(n) <= time_ns for n in numbers)
    assert timeline.released_at(time_ns) == expected


LIVE_NS = 1_790_000_000_500_000_000


def test_live_replay_begins_less_than_a_second_before_now_and_keeps_the_phase() -> None:
    timeline = Timeline(RECORDS)
    clock = ReplayClock(timeline, 1.0, ManualClock(), lambda: LIVE_NS)
    clock.start()
    clock.start()
    assert timeline.start_ns == timeline.record(1).start_ns
    assert timeline.start_ns % NS == START_NS % NS
    assert 0 <= LIVE_NS - timeline.start_ns < NS
    assert clock.now_ns == LIVE_NS


def test_live_replay_that_is_resumed_goes_on_now() -> None:
    timeline = Timeline(RECORDS)
    clock = ReplayClock(timeline, 1.0, ManualClock(), lambda: LIVE_NS)
    assert clock.advance_to(20)
    clock.start()
    assert 0 <= LIVE_NS - timeline.release_ns(20) < NS
    assert clock.delay_s(20) <= 0
    assert clock.advance_to(N)
    assert 0 <= LIVE_NS - timeline.release_ns(20) < NS


@pytest.mark.parametrize(
    ("number", "released", "full"),
    [
        (5, 3, 5),
        (5, 10, 5),
        (5, 2**24 + 3, 5),
        (5, 2**24 + 4, 2**24 + 5),
        (0, 2**24 - 1, 2**24),
        (0, 10, 0),
        (2**24 - 1, 2**25, 2**25 - 1),
    ],
)
def test_v3_number_stands_for_the_latest_promised(number: int, released: int, full: int) -> None:
    assert Timeline(RECORDS, turns=None).resolve_v3(number, released) == full


def test_inventory_tells_stations_numbers_and_shifted_times() -> None:
    ccc, b916 = Timeline(RECORDS, shift_s=7).inventory()
    assert (ccc.station_id, ccc.first, ccc.last) == ("CI_CCC", 1, N - 1)
    assert (b916.station_id, b916.first, b916.last) == ("PB_B916", 2, N)
    (stream,) = ccc.streams
    many = Timeline(RECORDS, turns=3).inventory()[0]
    assert (many.first, many.last, many.streams[0].end_ns) == (1, 3 * N - 1, RECORDS[-1].end_ns)
    endless = Timeline(RECORDS, turns=None).inventory()[0]
    assert endless.last == MAX_LOOPS_AHEAD * N - 1
    assert (stream.start_ns, stream.end_ns) == (START_NS + 7 * NS, RECORDS[-1].end_ns + 7 * NS)


def test_clock_rests_until_started_then_runs_at_its_speed() -> None:
    timeline, monotonic = Timeline(RECORDS), ManualClock()
    clock = ReplayClock(timeline, 20.0, monotonic)
    assert (clock.started, clock.released, clock.delay_s(1)) == (False, 0, float("inf"))
    assert clock.now_ns == timeline.start_ns
    clock.start()
    first_s = (RECORDS[0].end_ns - START_NS) / NS / 20
    assert clock.delay_s(1) == pytest.approx(first_s)
    monotonic.now_ns = int(first_s * NS) + 1
    assert clock.released == 2  # both channels' first records end at the same time
    clock.start()
    assert clock.released == 2


def test_clock_moves_forward_only() -> None:
    clock = ReplayClock(Timeline(RECORDS), 1.0, ManualClock())
    assert clock.advance_to(9)
    assert clock.delay_s(9) == 0
    assert not clock.advance_to(5)
    assert clock.delay_s(9) == 0


def test_clock_at_full_speed_has_released_everything() -> None:
    clock = ReplayClock(Timeline(RECORDS), None, ManualClock())
    assert (clock.started, clock.released, clock.delay_s(N)) == (True, N, float("-inf"))
    assert not clock.advance_to(N)
    assert ReplayClock(Timeline(RECORDS, turns=None), None, ManualClock()).released is None


def request(
    *positions: Position, protocol: Protocol = Protocol.V4, ending: Ending = Ending.NEVER
) -> StartStreaming:
    stations = ("CI_CCC", "PB_B916")
    asked = tuple(Subscription(s, (), p) for s, p in zip(stations, positions, strict=False))
    return StartStreaming(protocol, asked, ending)


def numbers(cursor: Cursor) -> list[int]:
    taken = []
    while not (cursor.at_last or cursor.is_over or cursor.delay_s > 0):
        number = cursor.number
        if cursor.take() is not None:
            taken.append(number)
    return taken


def paced(*, turns: int | None = 1) -> tuple[Timeline, ReplayClock, ManualClock]:
    timeline, monotonic = Timeline(RECORDS, turns=turns), ManualClock()
    return timeline, ReplayClock(timeline, 1.0, monotonic), monotonic


def full_speed(*, turns: int | None = 1) -> tuple[Timeline, ReplayClock]:
    timeline = Timeline(RECORDS, turns=turns)
    return timeline, ReplayClock(timeline, None, ManualClock())


def test_each_station_begins_at_its_own_number() -> None:
    timeline, clock = full_speed()
    cursor = Cursor(request(Position(9), Position(4)), timeline, clock)
    assert numbers(cursor) == sorted([*range(9, N + 1, 2), *range(4, N + 1, 2)])


def test_first_client_without_a_number_gets_everything() -> None:
    timeline, clock, monotonic = paced()
    cursor = Cursor(request(Position(), Position()), timeline, clock)
    monotonic.now_ns = 3600 * NS
    assert numbers(cursor) == list(range(1, N + 1))


def test_later_client_without_a_number_gets_what_is_released_from_then_on() -> None:
    timeline, clock, monotonic = paced()
    clock.start()
    monotonic.now_ns = 30 * NS
    released = clock.released or 0
    assert 0 < released < N
    assert Cursor(request(Position()), timeline, clock).number == released + 1
    assert Cursor(request(Position(from_first=True)), timeline, clock).number == 1


def test_resume_number_ahead_moves_the_clock_there() -> None:
    timeline, clock, _ = paced()
    cursor = Cursor(request(Position(9), Position(4)), timeline, clock)
    assert cursor.moved_clock
    assert clock.released in (9, 10)
    assert cursor.number == 4


def test_station_without_a_number_begins_the_same_whatever_the_order() -> None:
    for positions in ((Position(9), Position()), (Position(), Position(9))):
        timeline, clock, _ = paced()
        assert Cursor(request(*positions), timeline, clock).number == 9


def test_station_without_a_number_does_not_lose_what_another_client_had_released() -> None:
    """After a restart one client moved the clock to 40; another resumes at 9 with a new station."""
    timeline, clock, _ = paced()
    Cursor(request(Position(40)), timeline, clock)
    assert Cursor(request(Position(9), Position()), timeline, clock).number == 9


def test_client_that_has_everything_is_sent_nothing_and_moves_no_clock() -> None:
    timeline, clock, _ = paced()
    cursor = Cursor(request(Position(N + 1)), timeline, clock)
    assert cursor.at_last
    assert not cursor.moved_clock
    assert clock.released == 0


def test_number_of_another_archive_counts_as_none() -> None:
    timeline, clock, monotonic = paced()
    clock.start()
    monotonic.now_ns = 30 * NS
    cursor = Cursor(request(Position(99_999_999)), timeline, clock)
    assert (cursor.number, cursor.moved_clock) == ((clock.released or 0) + 1, False)


def test_loop_takes_numbers_of_later_turns_but_not_of_all() -> None:
    timeline, clock, _ = paced(turns=None)
    assert Cursor(request(Position(3 * N + 5)), timeline, clock).number == 3 * N + 5
    timeline, clock, _ = paced(turns=None)
    assert Cursor(request(Position(MAX_LOOPS_AHEAD * N + 1)), timeline, clock).number == 1


def test_number_zero_is_the_first() -> None:
    timeline, clock = full_speed()
    assert Cursor(request(Position(0)), timeline, clock).number == 1
    cursor = Cursor(request(Position(0), protocol=Protocol.V3), timeline, clock)
    assert cursor.number == 1


def test_window_takes_the_records_that_overlap_it_and_ends() -> None:
    timeline, clock = full_speed()
    start_ns, end_ns = START_NS + 20 * NS, START_NS + 30 * NS
    window = Position(None, True, start_ns, end_ns)
    cursor = Cursor(request(window, window, ending=Ending.WINDOW), timeline, clock)
    expected = [n for n, r in enumerate(RECORDS, 1) if r.end_ns > start_ns and r.start_ns < end_ns]
    assert numbers(cursor) == expected
    assert cursor.is_over
    assert not cursor.at_last


def test_fetch_is_over_at_the_first_record_to_come() -> None:
    timeline, clock, monotonic = paced()
    clock.start()
    monotonic.now_ns = 30 * NS
    asked = request(Position(None, True, queued_only=True), ending=Ending.QUEUE)
    cursor = Cursor(asked, timeline, clock)
    assert numbers(cursor) == [n for n in range(1, (clock.released or 0) + 1) if n % 2]
    assert cursor.is_over


def test_fetch_of_everything_is_over_at_the_end() -> None:
    timeline, clock = full_speed()
    asked = request(Position(None, True, queued_only=True), ending=Ending.QUEUE)
    cursor = Cursor(asked, timeline, clock)
    assert numbers(cursor) == list(range(1, N + 1, 2))
    assert cursor.is_over


def test_v3_client_resumes_beyond_24_bits() -> None:
    timeline, clock, monotonic = paced(turns=None)
    clock.start()
    number = 2**24 + 1000
    monotonic.now_ns = timeline.release_ns(number + 5) - timeline.start_ns
    asked = request(Position(number % 2**24), protocol=Protocol.V3)
    assert Cursor(asked, timeline, clock).number == number


def test_unpaced_loop_rests_longer_after_each_turn_without_a_wanted_record() -> None:
    timeline, clock = full_speed(turns=None)
    nobody = StartStreaming(Protocol.V4, (Subscription("XX_NOPE"),), Ending.NEVER)
    cursor = Cursor(nobody, timeline, clock)
    rests_s = []
    for _ in range(8 * N):
        assert cursor.take() is None
        rests_s.append(cursor.rest_s())
    assert [s for s in rests_s if s > 0] == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    wanted = Cursor(request(Position()), timeline, clock)
    for _ in range(2 * N):
        wanted.take()
        assert wanted.rest_s() == 0

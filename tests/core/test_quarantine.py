from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.ids import SourceId
from umamba_rt.core.quarantine import MOST_KEPT, Quarantine, reach_ns
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S

DAY = 86_400


def segment(start_s: float, station: str = "CCC", rate_hz: float = 100.0) -> Segment:
    source_id = SourceId.from_nslc("CI", station, "", "HHZ")
    samples = np.zeros(round(4 * rate_hz) + 1, np.int32)  # 4 s
    return Segment(source_id, round(start_s * NS_PER_S), rate_hz, samples)


def feed(target: Quarantine, segments: list[Segment]) -> tuple[list[float], list[float]]:
    """Starts of what is used and of what is refused, s."""
    used: list[float] = []
    refused: list[float] = []
    for found in segments:
        for starts, part in zip((used, refused), target.admit(found), strict=True):
            starts += [one.start_ns / NS_PER_S for one in part]
    return used, refused


def running(stop_s: int = 40) -> Quarantine:
    """One that has let the first ``stop_s`` of a stream pass."""
    target = Quarantine()
    starts = list(range(0, stop_s, 4))
    assert feed(target, [segment(start_s) for start_s in starts]) == (starts, [])
    return target


def test_the_first_segments_wait_for_each_other_and_none_is_lost() -> None:
    target = Quarantine()
    starts = [0.0, 1.0, 2.0, 4.0, 5.0, 6.0, 8.0, 9.0]
    assert feed(target, [segment(s) for s in starts[:-1]]) == ([], [])
    assert feed(target, [segment(starts[-1])]) == (starts, [])
    assert feed(target, [segment(10)]) == ([10], [])


def test_one_corrupt_time_is_refused_when_the_stream_goes_on() -> None:
    target = running()
    assert feed(target, [segment(3e9), segment(40)]) == ([40], [3e9])
    assert feed(target, [segment(44)]) == ([44], [])


def test_a_corrupt_time_at_the_very_begin_is_refused_too() -> None:
    starts = [3e9, 0.0, 4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 28.0]
    assert feed(Quarantine(), [segment(s) for s in starts]) == (starts[1:], [3e9])


def test_a_station_an_hour_ahead_never_moves_the_clock() -> None:
    target = Quarantine()
    mixed = [
        segment(start_s + shift_s)
        for start_s in range(0, 400, 4)
        for shift_s in (3600, 3600, 3600, 0, 0, 0)
    ]
    used, refused = feed(target, mixed)
    assert used == sorted(float(s) for s in range(0, 400, 4) for _ in range(3))
    assert len(refused) + len(target._kept) == 300


def test_a_gap_of_all_stations_is_crossed_and_nothing_is_lost() -> None:
    target = running()
    after = [DAY + 4.0 * n for n in range(20)]
    assert feed(target, [segment(s) for s in after]) == (after, [])


def test_a_long_record_behind_another_is_no_jump() -> None:
    target = running(40)
    long = Segment(segment(40).source_id, 40 * NS_PER_S, 20.0, np.zeros(6001, np.int32))
    assert feed(target, [long, segment(340)]) == ([40, 340], [])


def test_old_data_contradict_nothing() -> None:
    target = running()
    ahead = [segment(DAY + 4 * n) for n in range(4)]
    assert feed(target, [*ahead, segment(-DAY), *ahead]) == (
        [-DAY, *(DAY + 4.0 * n for n in (0, 1, 2, 3, 0, 1, 2, 3))],
        [],
    )


def test_times_that_do_not_agree_go_one_by_one() -> None:
    target = running()
    lost = [DAY * n for n in range(1, 12)]
    used, refused = feed(target, [segment(s) for s in lost])
    assert (used, refused) == ([], lost[: len(lost) - MOST_KEPT + 1])


def test_a_header_of_a_slow_rate_moves_the_clock_to_its_start_alone() -> None:
    assert reach_ns(segment(8)) == 12 * NS_PER_S
    slow = Segment(segment(8).source_id, 8 * NS_PER_S, 1e-3, np.zeros(400, np.int32))
    assert reach_ns(slow) == 8 * NS_PER_S
    target = running()
    assert feed(target, [slow, segment(40), segment(400_000)]) == ([8, 40], [])


def test_at_the_end_what_agrees_is_used_and_a_few_are_believed() -> None:
    target = running()
    feed(target, [segment(s) for s in (3e9, DAY, DAY + 4, DAY + 8)])
    used, refused = target.finish()
    assert [one.start_ns / NS_PER_S for one in used] == [DAY, DAY + 4, DAY + 8]
    assert [one.start_ns / NS_PER_S for one in refused] == [3e9]
    assert target.finish() == ([], [])
    feed(target, [segment(s) for s in (3 * DAY, 3 * DAY + 4)])
    used, refused = target.finish()
    assert ([one.start_ns / NS_PER_S for one in used], refused) == ([3 * DAY, 3 * DAY + 4], [])


@given(st.lists(st.sampled_from([-DAY, -70, 0, 4, 8, 50, 70, 130, 3600, 3604, DAY, DAY * 400])))
def test_every_segment_is_used_or_refused_once(starts: list[int]) -> None:
    target = Quarantine()
    used, refused = feed(target, [segment(s) for s in starts])
    for part, rest in zip((used, refused), target.finish(), strict=True):
        part += [one.start_ns / NS_PER_S for one in rest]
    assert sorted(used + refused) == sorted(starts)
    assert len(target._kept) == 0

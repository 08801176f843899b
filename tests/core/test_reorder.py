from __future__ import annotations

import numpy as np

from umamba_rt.core.ids import SourceId
from umamba_rt.core.reorder import MOST_HELD, ReorderBuffer
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S

HHZ = SourceId.parse("FDSN:CI_CCC__H_H_Z")


def segment(start_s: float, length_s: float = 1.0) -> Segment:
    samples = np.zeros(round(length_s * 50), np.int32)
    return Segment(HHZ, round(start_s * NS_PER_S), 50.0, samples)


def starts(segments: list[Segment]) -> list[float]:
    return [held.start_ns / NS_PER_S for held in segments]


def start(held: Segment | None) -> float | None:
    return None if held is None else held.start_ns / NS_PER_S


def test_segments_come_back_in_the_order_of_their_times() -> None:
    buffer = ReorderBuffer(10 * NS_PER_S)
    for start_s in (5, 3, 4, 3):
        buffer.hold(segment(start_s), 0)
    assert len(buffer) == 4
    assert starts(buffer.take_all()) == [3, 3, 4, 5]
    assert len(buffer) == 0


def test_a_segment_is_given_when_the_gap_before_it_is_filled() -> None:
    buffer = ReorderBuffer(10 * NS_PER_S)
    assert buffer.take_until(10**18) is None
    buffer.hold(segment(3), 0)
    assert buffer.take_until(3 * NS_PER_S - 1) is None
    assert start(buffer.take_until(3 * NS_PER_S)) == 3


def test_data_behind_a_gap_end_its_wait() -> None:
    buffer = ReorderBuffer(2 * NS_PER_S)
    assert buffer.take_overdue(0) is None
    buffer.hold(segment(10), 0)
    buffer.hold(segment(11), 0)
    assert buffer.take_overdue(0) is None
    buffer.hold(segment(12, 0.1), 0)
    assert start(buffer.take_overdue(0)) == 10
    assert buffer.take_overdue(0) is None  # a gap behind it has a wait of its own


def test_the_clock_ends_a_wait() -> None:
    buffer = ReorderBuffer(2 * NS_PER_S)
    buffer.hold(segment(10), 5 * NS_PER_S)
    assert buffer.take_overdue(7 * NS_PER_S - 1) is None
    assert start(buffer.take_overdue(7 * NS_PER_S)) == 10


def test_what_came_before_an_empty_buffer_does_not_end_a_wait() -> None:
    buffer = ReorderBuffer(2 * NS_PER_S)
    buffer.hold(segment(1000), 0)
    buffer.take_all()
    buffer.hold(segment(10), 0)
    assert buffer.take_overdue(0) is None


def test_the_number_held_is_bounded() -> None:
    buffer = ReorderBuffer(10 * NS_PER_S)
    for number in range(MOST_HELD):
        buffer.hold(segment(10 + number / 1000, 0.02), 0)
    assert buffer.take_overdue(0) is None
    buffer.hold(segment(11, 0.02), 0)
    assert buffer.take_overdue(0) is not None
    assert buffer.take_overdue(0) is None

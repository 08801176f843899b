"""io/position.py: the position lies before all that is needed, and moves on all the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.ids import GroupId
from umamba_rt.io.position import Receipt, ResumePoint
from umamba_rt.io.statefile import Position

A, B = GroupId("XX", "A", "", "HH"), GroupId("XX", "B", "", "HH")


def receipt(number: int, end_ns: int, group: GroupId | None = A, noted_ns: int = 0) -> Receipt:
    return Receipt(number, number - 1, end_ns - 10, end_ns, group, noted_ns)


def test_first_packet_alone_makes_a_restart_begin_at_it() -> None:
    point = ResumePoint(1000)
    assert point.note(receipt(5, 100))
    assert point.position == Position(4, None)
    assert not point.note(receipt(6, 200))
    assert point.position == Position(4, None)


def test_position_moves_behind_what_is_done_with() -> None:
    point = ResumePoint(1000)
    for number in (5, 6, 7):
        point.note(receipt(number, number * 100))
    point.advance(lambda _: 601, 0)
    assert point.position == Position(6, 590)
    point.advance(lambda _: 10_000, 0)
    assert point.position == Position(7, 690)


def test_one_packet_that_is_needed_holds_the_later_ones_of_others() -> None:
    point = ResumePoint(1000)
    point.note(receipt(1, 100, A))
    point.note(receipt(2, 100, B))
    point.note(receipt(3, 200, B))
    point.advance(lambda group: 50 if group == A else 10_000, 0)
    assert point.position == Position(0, None)


def test_sensor_that_fell_silent_holds_for_so_long_and_no_longer() -> None:
    point = ResumePoint(1000)
    point.note(receipt(1, 100, A, noted_ns=0))
    point.note(receipt(2, 100, B, noted_ns=500))
    needed = {A: 50, B: 10_000}
    point.advance(needed.get, 1000)
    assert point.position == Position(0, None)
    point.advance(needed.get, 1001)
    assert point.position == Position(2, 90)


def test_packet_of_no_use_holds_nothing_and_tells_no_time() -> None:
    point = ResumePoint(1000)
    point.note(receipt(1, 0, None))
    point.advance(lambda _: None, 0)
    assert point.position == Position(1, None)


def test_sensor_without_windows_holds_until_it_has_some() -> None:
    point = ResumePoint(1000)
    point.note(receipt(1, 100))
    point.advance(lambda _: None, 0)
    assert point.position == Position(0, None)


def test_recovered_position_stays_until_packets_behind_it_are_done_with() -> None:
    point = ResumePoint(1000, Position(40, 7))
    assert not point.note(receipt(41, 100))
    assert point.position == Position(40, 7)
    point.forget()
    assert point.position is None
    assert point.note(receipt(90, 100))
    assert point.position == Position(89, None)


def test_number_0_has_none_before_it() -> None:
    point = ResumePoint(1000)
    point.note(receipt(0, 100))
    assert point.position is None


def test_memory_is_bounded() -> None:
    point = ResumePoint(10**18)
    for number in range(1, 200_101):
        point.note(receipt(number, number))
    assert len(point._held) == 200_000
    assert point.position == Position(100, 90)


@given(
    st.lists(st.tuples(st.sampled_from([A, B]), st.integers(0, 50)), max_size=40),
    st.dictionaries(st.sampled_from([A, B]), st.integers(0, 60)),
)
def test_nothing_that_is_needed_lies_before_the_position(
    packets: list[tuple[GroupId, int]], needed: dict[GroupId, int]
) -> None:
    point = ResumePoint(1000)
    for number, (group, end_ns) in enumerate(packets, 1):
        point.note(receipt(number, end_ns, group))
    point.advance(needed.get, 0)
    if not packets:
        assert point.position is None
        return
    assert point.position is not None
    reached = point.position.sequence
    done = [end_ns < needed.get(group, -1) for group, end_ns in packets]
    assert all(done[:reached])
    assert reached == len(packets) or not done[reached]

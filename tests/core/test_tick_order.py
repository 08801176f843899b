"""core/tick_order.py: one order, whatever the order of arrival within the wait."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.ids import GroupId
from umamba_rt.core.tick_order import TickOrder

A, B, C = (GroupId("XX", name, "", "HH") for name in "ABC")
Told = list[tuple[int, list[str]]]


def told(order: TickOrder[str], items: Iterable[tuple[GroupId, int]]) -> Told:
    return [
        one for group, tick in items for one in order.put(group, tick, f"{group.station}{tick}")
    ]


def test_a_moment_waits_for_the_sensors_that_keep_step() -> None:
    order = TickOrder[str](3)
    assert told(order, [(A, 1), (B, 1)]) == [(1, ["A1"]), (1, ["B1"])]  # nobody knew of B
    assert told(order, [(B, 2)]) == []
    assert told(order, [(A, 2)]) == [(2, ["A2", "B2"])]


def test_a_sensor_that_lags_holds_up_no_longer_than_the_wait() -> None:
    order = TickOrder[str](3)
    told(order, [(A, 1), (B, 1)])
    assert told(order, [(A, 2), (A, 3), (A, 4)]) == []
    assert told(order, [(A, 5)]) == [(2, ["A2"]), (3, ["A3"]), (4, ["A4"]), (5, ["A5"])]
    assert told(order, [(B, 2)]) == [(2, ["B2"])]


def test_what_waits_at_the_end_is_handed_out() -> None:
    order = TickOrder[str](3)
    told(order, [(A, 1), (B, 1), (A, 3), (A, 2)])
    assert list(order.finish()) == [(2, ["A2"]), (3, ["A3"])]
    assert list(order.finish()) == []


@given(st.lists(st.integers(0, 2), min_size=60, max_size=60))
def test_any_order_within_the_wait_gives_the_same(lags: list[int]) -> None:
    ticks = range(1, 21)
    known = [(group, 0) for group in (A, B, C)]
    straight = [(group, tick) for tick in ticks for group in (A, B, C)]
    keys = {item: item[1] + lag for item, lag in zip(straight, lags, strict=True)}
    # A sensor's own windows come in their order.
    furthest = dict.fromkeys((A, B, C), 0)
    for item in straight:
        furthest[item[0]] = keys[item] = max(keys[item], furthest[item[0]])
    shuffled = sorted(straight, key=lambda item: (keys[item], item[0]))

    def run(items: list[tuple[GroupId, int]]) -> Told:
        order = TickOrder[str](3)
        told(order, known)
        return told(order, items) + list(order.finish())

    assert run(shuffled) == run(straight)


@given(
    st.lists(st.tuples(st.sampled_from([A, B, C]), st.integers(0, 12)), max_size=40),
    st.integers(0, 40),
)
def test_order_that_another_goes_on_with_is_one_order(
    items: list[tuple[GroupId, int]], cut: int
) -> None:
    alone, first, second = (TickOrder[str](3) for _ in range(3))
    expected = told(alone, items) + list(alone.finish())
    found = told(first, items[:cut])
    reached: dict[GroupId, int] = {}
    for group, tick in items[:cut]:
        reached[group] = max(tick, reached.get(group, tick))
    second.resume(reached, first.waiting)
    assert found + told(second, items[cut:]) + list(second.finish()) == expected


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 12)), max_size=80), st.integers(0, 5))
def test_moments_are_over_as_all_sensors_times_have_it(
    puts: list[tuple[int, int]], wait: int
) -> None:
    """The count of sensors by moment against the plain rule over all sensors."""
    order, reached, waiting = TickOrder[int](wait), dict[GroupId, int](), list[int]()
    for number, tick in puts:
        group = GroupId("XX", str(number), "", "HH")
        reached[group] = max(tick, reached.get(group, tick))
        waiting.append(tick)
        over = min(at for at in reached.values() if at >= max(reached.values()) - wait)
        expected = sorted({at for at in waiting if at <= over})
        waiting = [at for at in waiting if at > over]
        assert [moment for moment, _ in order.put(group, tick, 0)] == expected

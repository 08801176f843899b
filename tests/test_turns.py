"""turns.py: the same share for all that want it."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.ids import GroupId
from umamba_rt.turns import Turns


def group(name: str) -> GroupId:
    return GroupId("AA", name, "", "HH")


@given(st.integers(1, 9), st.integers(0, 60))
def test_stations_that_always_wait_have_the_same_number_of_turns(stations: int, turns: int) -> None:
    order = Turns()
    for number in range(stations):
        order.join(group(f"S{number}"))
    had = Counter[GroupId]()
    for _ in range(turns):
        had[taken := order.take()] += 1
        order.join(taken)
    assert max(had.values(), default=0) - min(had[group(f"S{n}")] for n in range(stations)) <= 1


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["come", "go", "turn"]))))
def test_only_who_waits_has_a_turn(steps: list[tuple[str, str]]) -> None:
    order, waiting = Turns(), set[GroupId]()
    for name, step in steps:
        one = group(name)
        if step == "come" and one not in waiting:
            order.join(one)
            waiting.add(one)
        elif step == "go" and one in waiting:
            order.leave(one)
            waiting.remove(one)
        elif step == "turn" and waiting:
            waiting.remove(order.take())  # a KeyError where it did not wait


def test_who_was_away_makes_up_for_a_few_turns_and_no_more() -> None:
    order = Turns()
    order.join(group("A"))
    for _ in range(1000):
        order.join(order.take())
    order.join(group("B"))
    turns = []
    for _ in range(30):
        turns.append(order.take())
        order.join(turns[-1])
    first = turns.index(group("A"))
    assert 5 <= first <= 10
    assert abs(turns[first:].count(group("A")) - turns[first:].count(group("B"))) <= 1

"""ahead.py: the results of a batch in their order, the next part computed while one is taken."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from umamba_rt.ahead import Ahead


@settings(deadline=None)
@given(count=st.integers(0, 300))
def test_results_are_those_of_the_whole_batch(count: int) -> None:
    items = list(range(count))
    assert list(Ahead().results(lambda part: [-item for item in part], items)) == [
        -item for item in items
    ]


def test_few_items_are_computed_by_the_one_who_asks() -> None:
    threads: list[int] = []

    def compute(part: Sequence[int]) -> Sequence[int]:
        threads.append(threading.get_ident())
        return part

    assert list(Ahead().results(compute, range(16))) == list(range(16))
    assert threads == [threading.get_ident()]


def test_second_part_is_computed_while_the_first_is_taken() -> None:
    second = threading.Event()

    def compute(part: Sequence[int]) -> Sequence[int]:
        if part[0]:
            second.set()
        return part

    results = Ahead().results(compute, range(64))
    assert next(results) == 0
    assert second.wait(timeout=10)
    assert list(results) == list(range(1, 64))


def test_failure_costs_neither_the_parts_before_nor_the_next_batch() -> None:
    ahead, computed = Ahead(), list[int]()
    release = threading.Event()

    def compute(part: Sequence[int]) -> Sequence[int]:
        if part[0] == 16:
            release.wait(timeout=10)
            raise ValueError("of this part")
        computed.append(part[0])
        return part

    results = ahead.results(compute, range(64))
    assert [next(results) for _ in range(16)] == list(range(16))
    release.set()
    with pytest.raises(ValueError, match="of this part"):
        next(results)
    assert list(ahead.results(compute, range(64, 128))) == list(range(64, 128))


def test_one_who_takes_no_more_has_the_rest_left_undone() -> None:
    release, begun = threading.Event(), list[int]()

    def compute(part: Sequence[int]) -> Sequence[int]:
        begun.append(part[0])
        if part[0]:
            release.wait(timeout=10)
        return part

    ahead = Ahead()
    results = ahead.results(compute, range(64))
    next(results)
    results.close()  # type: ignore[attr-defined]
    release.set()
    assert list(ahead.results(lambda part: part, range(100, 140))) == list(range(100, 140))
    assert begun in ([0], [0, 16])

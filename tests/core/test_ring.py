from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.grid_run import GridRun
from umamba_rt.core.ring import Placed, Ring

NAN = float("nan")
NUMBERS = st.sampled_from([0.0, 1.0, 2.0, NAN])
BASE = 156_225_899_999  # Ridgecrest, as a grid index


def run(first: int, *values: float) -> GridRun:
    return GridRun(first, np.array(values, np.float32))


def row(ring: Ring, first: int, count: int, component: int = 0) -> list[float | None]:
    return [
        None if np.isnan(value) else float(value) for value in ring.read(first, count)[component]
    ]


class DictRing:
    """The same as a plain dict of samples."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.stop: int | None = None
        self.samples: dict[tuple[int, int], float] = {}
        self.stops: dict[int, int] = {}

    def put(self, component: int, first: int, values: list[float]) -> Placed:
        end = first + len(values)
        self.stop = end if self.stop is None else max(self.stop, end)
        self.stops[component] = max(end, self.stops.get(component, end))
        start = self.stop - self.capacity
        self.samples = {key: value for key, value in self.samples.items() if key[1] >= start}
        written, duplicate, conflicting, too_old = [], 0, 0, 0
        for index, value in enumerate(values, first):
            known = self.samples.get((component, index))
            if index < start:
                too_old += 1
            elif np.isnan(value):
                continue
            elif known is None:
                self.samples[component, index] = value
                written.append(index)
            elif known == value:
                duplicate += 1
            else:
                conflicting += 1
        span = (written[0], written[-1] + 1) if written else None
        return Placed(len(written), span, duplicate, conflicting, too_old)

    def read(self, first: int, count: int) -> Float32Array:
        return np.array(
            [
                [self.samples.get((c, i), NAN) for i in range(first, first + count)]
                for c in range(3)
            ],
            np.float32,
        )

    def missing_stop(self, first: int, count: int) -> int:
        missing = [
            i
            for i in range(first, first + count)
            if any((c, i) not in self.samples for c in range(3))
        ]
        return missing[-1] + 1 if missing else first


class RingAgainstDict(RuleBasedStateMachine):
    @initialize(capacity=st.integers(1, 12), base=st.sampled_from([-5, 0, BASE]))
    def start(self, capacity: int, base: int) -> None:
        self.ring, self.model, self.base = Ring(capacity), DictRing(capacity), base
        assert self.ring.is_empty

    @rule(
        component=st.integers(0, 2),
        offset=st.integers(-30, 8),
        values=st.lists(NUMBERS, min_size=1, max_size=30),
    )
    def put_near(self, component: int, offset: int, values: list[float]) -> None:
        stop = self.base if self.model.stop is None else self.model.stop
        self.put(component, stop + offset, values)

    @rule(component=st.integers(0, 2), jump=st.integers(1, 10**12))
    def jump_ahead(self, component: int, jump: int) -> None:
        stop = self.base if self.model.stop is None else self.model.stop
        self.put(component, stop + jump, [1.0, 2.0])

    @rule(offset=st.integers(-20, 5), count=st.integers(1, 30))
    def read(self, offset: int, count: int) -> None:
        first = (self.base if self.model.stop is None else self.model.stop) + offset
        np.testing.assert_array_equal(
            self.ring.read(first, count), self.model.read(first, count), strict=True
        )
        assert self.ring.missing_stop(first, count) == self.model.missing_stop(first, count)

    def put(self, component: int, first: int, values: list[float]) -> None:
        assert self.ring.put(component, run(first, *values)) == self.model.put(
            component, first, values
        )

    @invariant()
    def ends_agree(self) -> None:
        assert self.ring.is_empty == (self.model.stop is None)
        if self.model.stop is not None:
            assert self.ring.stop == self.model.stop
            assert self.ring.start == self.model.stop - self.model.capacity
            assert self.ring._samples.nbytes == 3 * 2 * self.model.capacity * 4


RingAgainstDict.TestCase.settings = settings(max_examples=150, deadline=None)
TestRingAgainstDict = RingAgainstDict.TestCase


@settings(deadline=None)
@given(st.data())
def test_any_order_of_the_same_runs_gives_the_same_ring(data: st.DataObject) -> None:
    capacity = 40
    truth = np.arange(3 * capacity, dtype=np.float32).reshape(3, capacity)
    span = st.tuples(st.integers(0, 2), st.integers(0, capacity - 1), st.integers(1, 15))
    spans = data.draw(st.lists(span, min_size=1, max_size=12))
    shuffled = data.draw(st.permutations(spans))
    rings = []
    for order in (spans, shuffled):
        ring = Ring(capacity)
        for component, first, count in order:
            values = truth[component, first : first + count]
            assert ring.put(component, GridRun(BASE + first, values)).conflicting == 0
        rings.append(ring.read(BASE, capacity))
    np.testing.assert_array_equal(rings[0], rings[1])


def test_late_segment_fills_its_gap() -> None:
    ring = Ring(20)
    ring.put(0, run(0, 1, 2))
    ring.put(0, run(4, 5, 6))
    assert row(ring, 0, 6) == [1, 2, None, None, 5, 6]
    assert ring.put(0, run(2, 3, 4)) == Placed(2, (2, 4), 0, 0, 0)
    assert row(ring, 0, 6) == [1, 2, 3, 4, 5, 6]


def test_the_first_sample_of_a_time_wins() -> None:
    ring = Ring(20)
    ring.put(0, run(0, 1, 2, 3))
    assert ring.put(0, run(1, 9, 3, 4)) == Placed(1, (3, 4), 1, 1, 0)
    assert row(ring, 0, 4) == [1, 2, 3, 4]


def test_of_a_run_longer_than_the_ring_the_end_is_kept() -> None:
    ring = Ring(3)
    assert ring.put(1, run(0, 1, 2, 3, 4, 5)) == Placed(3, (2, 5), 0, 0, 2)
    assert row(ring, 0, 5, component=1) == [None, None, 3, 4, 5]


def test_the_end_of_an_empty_ring_is_an_error() -> None:
    ring = Ring(3)
    with pytest.raises(ValueError, match="empty"):
        _ = ring.stop
    assert np.isnan(ring.read(0, 4)).all()
    assert ring.missing_stop(0, 4) == 4


def test_what_is_read_is_a_copy() -> None:
    ring = Ring(3)
    ring.put(0, run(0, 1, 2))
    ring.read(0, 2)[0, 0] = 9
    assert row(ring, 0, 2) == [1, 2]

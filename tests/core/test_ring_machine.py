"""The ring against a plain dict of samples, with duplicates, overlaps, jumps and restarts."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.grid_run import GridRun
from umamba_rt.core.ring import Placed, Ring

NAN = float("nan")
NUMBERS = st.sampled_from([0.0, 1.0, 2.0, NAN])
BASE = 156_225_899_999  # Ridgecrest, as a grid index


def run(first: int, *values: float) -> GridRun:
    return GridRun(first, np.array(values, np.float32))


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

    def missing_stop(self, first: int, count: int, components: tuple[int, ...]) -> int:
        missing = [
            i
            for i in range(first, first + count)
            if any((c, i) not in self.samples for c in components)
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

    @rule(
        offset=st.integers(-20, 5),
        count=st.integers(1, 30),
        components=st.sampled_from([(0, 1, 2), (0,), (1, 2)]),
    )
    def read(self, offset: int, count: int, components: tuple[int, ...]) -> None:
        first = (self.base if self.model.stop is None else self.model.stop) + offset
        np.testing.assert_array_equal(
            self.ring.read(first, count), self.model.read(first, count), strict=True
        )
        found = self.ring.missing_stop(first, count, components)
        assert found == self.model.missing_stop(first, count, components)

    @precondition(lambda self: self.model.stop is not None)
    @rule(kept=st.integers(0, 12), order=st.randoms(use_true_random=False))
    def restart(self, kept: int, order: Random) -> None:
        """A new ring, refilled from a later point in any order, is the old one from there on."""
        assert self.model.stop is not None
        oldest = self.model.stop - min(kept, self.model.capacity)
        samples = {key: v for key, v in self.model.samples.items() if key[1] >= oldest}
        capacity, before = self.model.capacity, self.ring.read(oldest, 20)
        stops = {c: stop for c, stop in self.model.stops.items() if stop > oldest}
        self.ring, self.model = Ring(capacity), DictRing(capacity)
        # An end without a number keeps each component's stop, as the records did.
        pieces = [(c, stop - 1, NAN) for c, stop in stops.items()]
        pieces += [(c, index, value) for (c, index), value in samples.items()]
        order.shuffle(pieces)
        for component, index, value in pieces:
            self.put(component, index, [value])
        if pieces:
            np.testing.assert_array_equal(self.ring.read(oldest, 20), before)

    @precondition(lambda self: bool(self.model.samples))
    @rule(data=st.data())
    def put_again(self, data: st.DataObject) -> None:
        """A duplicate, or another value for a sample that is there."""
        component, index = data.draw(st.sampled_from(sorted(self.model.samples)))
        self.put(component, index, [data.draw(st.sampled_from([0.0, 1.0, 5.0]))])

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
            most = self.model.capacity + max(1, self.model.capacity // 4)
            assert self.ring._samples.nbytes == 3 * 4 * most


RingAgainstDict.TestCase.settings = settings(max_examples=100, deadline=None)
TestRingAgainstDict = RingAgainstDict.TestCase

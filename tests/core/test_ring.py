from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from umamba_rt.core.grid_run import GridRun
from umamba_rt.core.ring import Placed, Ring

BASE = 156_225_899_999  # Ridgecrest, as a grid index


def run(first: int, *values: float) -> GridRun:
    return GridRun(first, np.array(values, np.float32))


def row(ring: Ring, first: int, count: int, component: int = 0) -> list[float | None]:
    return [
        None if np.isnan(value) else float(value) for value in ring.read(first, count)[component]
    ]


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

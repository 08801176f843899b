"""engine/batch_threads.py: one torch thread in each, and nothing changed outside."""

from __future__ import annotations

import math
import threading

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from umamba_rt.engine.batch_threads import one_torch_thread_each, part_size


def test_operators_do_not_split_inside_and_do_as_before_outside() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        pool = one_torch_thread_each(2)
        assert {pool.submit(torch.get_num_threads).result() for _ in range(8)} == {1}
        assert torch.get_num_threads() == 2
        found: list[int] = []
        other = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        other.start()
        other.join(timeout=10)
        assert found == [2]
    finally:
        torch.set_num_threads(before)


@settings(deadline=None)
@given(st.integers(1, 500), st.integers(1, 64))
def test_parts_are_small_and_every_thread_has_one(windows: int, threads: int) -> None:
    size = part_size(windows, threads)
    assert 1 <= size <= 8
    assert math.ceil(windows / size) >= min(threads, math.ceil(windows / 8))

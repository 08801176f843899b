"""models/threads.py: ranges, and tasks that all end."""

from __future__ import annotations

import os
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from umamba_rt.models.threads import ranges, run_all


@settings(deadline=None)
@given(st.integers(1, 1000), st.integers(1, 70))
def test_ranges_cover_every_row_once(count: int, parts: int) -> None:
    found = ranges(count, parts)
    assert [row for low, high in found for row in range(low, high)] == list(range(count))
    assert len(found) == min(count, parts)


def test_tasks_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=10)

    def meet() -> None:
        meeting.wait()

    run_all([meet, meet])


def test_an_error_of_any_task_is_raised_after_all_have_ended() -> None:
    ended: list[int] = []

    def fail() -> None:
        raise ArithmeticError("task")

    for tasks in ([fail, lambda: ended.append(1)], [lambda: ended.append(1), fail]):
        with pytest.raises(ArithmeticError, match="task"):
            run_all(tasks)
    assert ended == [1, 1]


def test_a_forked_child_gets_threads_of_its_own() -> None:
    run_all([lambda: None, lambda: None])
    child = os.fork()
    if child == 0:
        done: list[int] = []
        run_all([lambda: done.append(1), lambda: done.append(2)])
        os._exit(0 if len(done) == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

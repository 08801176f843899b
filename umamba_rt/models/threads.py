"""A range of independent rows shared between a few threads."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

_pool: ThreadPoolExecutor | None = None


def ranges(count: int, parts: int) -> list[tuple[int, int]]:
    """Split ``0..count`` into at most ``parts`` contiguous, non-empty ranges of like size."""
    parts = max(1, min(parts, count))
    edges = [count * k // parts for k in range(parts + 1)]
    return list(itertools.pairwise(edges))


def run_all(tasks: Sequence[Callable[[], None]]) -> None:
    """Run every task to its end, the first here and the others on the pool's threads.

    Safe from several threads at once: tasks never wait for each other, and the caller always
    works itself, so a busy pool makes a call slower but never stuck.

    Raises:
        Exception: whatever a task raised, after all have ended.
    """
    if len(tasks) == 1:
        tasks[0]()
        return
    waiting = [_threads().submit(task) for task in tasks[1:]]
    try:
        tasks[0]()
    finally:
        problems = [future.exception() for future in waiting]
    for problem in problems:
        if problem is not None:
            raise problem


def _threads() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="scan")
    return _pool


def _forget_threads() -> None:
    """After a fork the child has the pool object but none of its threads."""
    global _pool
    _pool = None


os.register_at_fork(after_in_child=_forget_threads)

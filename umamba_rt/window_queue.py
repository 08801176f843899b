"""The windows that wait for the model, and which of them goes when there are too many."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from umamba_rt.core.ids import GroupId
from umamba_rt.core.window import Window


@dataclass(frozen=True, slots=True)
class Task:
    """A window, and when its last sample arrived by ``time.monotonic_ns``."""

    window: Window
    arrived_ns: int


class WindowQueue:
    """Windows waiting for the model, oldest first; bounded in number and, live, in age.

    When it is full, a new window drives out the oldest one of its own station, or, where it has
    none waiting, the oldest one of the station that has most. A window that waited longer than
    ``max_age_s`` is dropped when its turn comes, if a newer one of its station waits. So the newest
    of each station stays, and what is estimated does not grow old.

    Attributes:
        dropped: windows dropped so far.
    """

    def __init__(
        self,
        size: int,
        on_room: Callable[[], None] = lambda: None,
        *,
        max_age_s: float = math.inf,
    ) -> None:
        self.size = size
        self.dropped = 0
        self._on_room = on_room
        self._max_age_ns = max_age_s * 1e9
        self._waiting: dict[GroupId, deque[Task]] = {}
        self._order: deque[GroupId] = deque()
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._order)

    def put(self, task: Task) -> None:
        """Add a window."""
        with self._changed:
            if len(self) >= self.size:
                self._make_room(task.window.group)
            self._waiting.setdefault(task.window.group, deque()).append(task)
            self._order.append(task.window.group)
            self._changed.notify()

    def take(self, most: int, timeout_s: float) -> list[Task]:
        """The oldest windows, ``most`` at most; waits for one up to ``timeout_s``."""
        tasks: list[Task] = []
        with self._changed:
            if not self._order:
                self._changed.wait(timeout_s)
            oldest_ns = time.monotonic_ns() - self._max_age_ns
            while self._order and len(tasks) < most:
                task = self._pop(self._order.popleft())
                if task.arrived_ns < oldest_ns and task.window.group in self._waiting:
                    self.dropped += 1
                else:
                    tasks.append(task)
        if tasks:
            self._on_room()
        return tasks

    def _make_room(self, group: GroupId) -> None:
        if group not in self._waiting:
            group = max(self._waiting, key=lambda name: len(self._waiting[name]))
        self._order.remove(group)
        self._pop(group)
        self.dropped += 1

    def _pop(self, group: GroupId) -> Task:
        waiting = self._waiting[group]
        task = waiting.popleft()
        if not waiting:
            del self._waiting[group]
        return task


def now_ns() -> int:
    """The clock that ``Task.arrived_ns`` is read from."""
    return time.monotonic_ns()

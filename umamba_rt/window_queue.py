"""The windows that wait for a model, and which of them goes when there are too many."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from umamba_rt.cadence import Cadence
from umamba_rt.core.ids import GroupId
from umamba_rt.core.window import Window
from umamba_rt.turns import Turns


@dataclass(frozen=True, slots=True)
class Task:
    """A window, and when its last sample arrived by ``time.monotonic_ns``."""

    window: Window
    arrived_ns: int


class WindowQueue:
    """Windows waiting for a model, oldest first; bounded in number and, live, in age.

    Live, the stations take turns (see ``Turns``), each with its oldest window, however many came
    for one at once. When it is full, a new window drives out the oldest one of its own station, or,
    where it has none waiting, the oldest one of the station that has most. Where a station's window
    waited longer than ``max_age_s`` when its turn comes, the newest one of the station takes the
    turn, and those before it are dropped. So the newest of each station stays, and what is
    estimated does not grow old.

    Attributes:
        size: most windows.
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
        self._cadence = Cadence()
        self._came = 0
        self._tasks: OrderedDict[int, Task] = OrderedDict()  # by the order in which they came
        self._numbers: dict[GroupId, deque[int]] = {}
        self._turns = Turns()  # live alone
        self._still_ns = 0  # since then none was taken
        self._wanted = 0  # that many end the wait for more; 0: nobody waits for more
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def is_live(self) -> bool:
        """Whether windows are dropped for their age."""
        return math.isfinite(self._max_age_ns)

    @property
    def oldest_wait_s(self) -> float:
        """How long the oldest window has been waiting, s; 0 where none is."""
        with self._changed:
            oldest = next(iter(self._tasks.values()), None)
        return 0.0 if oldest is None else (now_ns() - oldest.arrived_ns) / 1e9

    @property
    def still_s(self) -> float:
        """For how long windows have been waiting without one being taken, s; 0 where none waits.

        The oldest one's wait does not tell this: where a live queue is full, each window drives out
        an older one.
        """
        with self._changed:
            return (now_ns() - self._still_ns) / 1e9 if self._tasks else 0.0

    def emptied(self, max_age_s: float | None = None) -> WindowQueue:
        """A new queue by the same rules; live with another ``max_age_s``, if one is given."""
        age_s = self._max_age_ns / 1e9
        return WindowQueue(self.size, max_age_s=max_age_s if max_age_s and self.is_live else age_s)

    def put(self, task: Task) -> None:
        """Add a window."""
        group = task.window.group
        with self._changed:
            if not self._tasks:
                self._still_ns = now_ns()
            if len(self) >= self.size:
                if task.window.revision:  # news go before what is known better now
                    self.dropped += 1
                    return
                self._make_room(group)
            self._came += 1
            self._tasks[self._came] = task
            if group not in self._numbers:
                self._wait(group, deque())
            self._numbers[group].append(self._came)
            self._cadence.note(group, now_ns())
            # Waking the worker for each window of a batch would take turns with the reader.
            is_whole = len(self) >= self._wanted or len(self._numbers) >= self._cadence.sensors
            if is_whole:
                self._changed.notify()

    def take(self, most: int, timeout_s: float) -> list[Task]:
        """The oldest windows, live of each station in turn, ``most`` at most.

        Args:
            most: the largest batch.
            timeout_s: how long to wait for a first window; others that are about to come are then
                waited for as `umamba_rt.cadence` says. With 0 nothing is waited for.
        """
        tasks: list[Task] = []
        with self._changed:
            if timeout_s > 0:
                if not self._tasks:
                    self._changed.wait(timeout_s)
                self._gather(most)
            oldest_ns = now_ns() - self._max_age_ns
            while self._tasks and len(tasks) < most:
                tasks.append(self._pop(oldest_ns))
            if tasks:
                self._still_ns = now_ns()
        if tasks:
            self._on_room()
        return tasks

    def _gather(self, most: int) -> None:
        """Wait for windows that are about to come."""
        self._wanted = most
        while self._tasks and len(self) < most:
            oldest_ns = next(iter(self._tasks.values())).arrived_ns
            wait_ns = self._cadence.wait_ns(len(self._numbers), oldest_ns, now_ns())
            if wait_ns <= 0:
                break
            self._changed.wait(wait_ns / 1e9)
        self._wanted = 0

    def _make_room(self, group: GroupId) -> None:
        if group not in self._numbers:
            group = max(self._numbers, key=lambda name: len(self._numbers[name]))
        del self._tasks[self._numbers[group].popleft()]
        self.dropped += 1
        if not self._numbers[group]:
            del self._numbers[group]
            if self.is_live:
                self._turns.leave(group)

    def _pop(self, oldest_ns: float) -> Task:
        if self.is_live:
            group = self._turns.take()
        else:
            group = next(iter(self._tasks.values())).window.group
        numbers = self._numbers.pop(group)
        task = self._tasks.pop(numbers.popleft())
        if task.arrived_ns < oldest_ns and numbers:
            left = [self._tasks.pop(number) for number in numbers]
            self.dropped += len(left)
            return max(left, key=lambda one: (one.window.first, one.window.revision))
        if numbers:
            self._wait(group, numbers)
        return task

    def _wait(self, group: GroupId, numbers: deque[int]) -> None:
        self._numbers[group] = numbers
        if self.is_live:
            self._turns.join(group)


def now_ns() -> int:
    """The clock that ``Task.arrived_ns`` is read from."""
    return time.monotonic_ns()

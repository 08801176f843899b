"""Windows of many sensors in the order of their times, not of their coming."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from umamba_rt.core.ids import GroupId

T = TypeVar("T")


class TickOrder(Generic[T]):
    """Holds items back until all that can still come for an earlier moment has come.

    A moment is over when every sensor that is at most ``wait_ns`` behind the foremost one has
    passed it. So sensors that keep step wait for each other only, and one that lags or is dead
    holds nothing up for longer than ``wait_ns`` of data. What comes for a moment that is over is
    handed out at once.
    """

    def __init__(self, wait_ns: int) -> None:
        self._wait_ns = wait_ns
        self._reached: dict[GroupId, int] = {}
        # How many sensors have reached each moment: a few moments, however many sensors there are.
        self._count: Counter[int] = Counter()
        self._waiting: dict[int, list[tuple[GroupId, T]]] = {}

    @property
    def waiting(self) -> list[tuple[int, list[tuple[GroupId, T]]]]:
        """The moments that are not over, and their items as they came."""
        return [(moment_ns, list(self._waiting[moment_ns])) for moment_ns in sorted(self._waiting)]

    def resume(
        self,
        reached: Mapping[GroupId, int],
        waiting: Iterable[tuple[int, Iterable[tuple[GroupId, T]]]],
    ) -> None:
        """Go on where an earlier run was; to be called before the first ``put``.

        Args:
            reached: each sensor's newest moment.
            waiting: see the property.
        """
        self._reached = dict(reached)
        self._count = Counter(reached.values())
        self._waiting = {moment_ns: list(items) for moment_ns, items in waiting}

    def put(self, group: GroupId, time_ns: int, item: T) -> Iterator[tuple[int, list[T]]]:
        """Take one item of a sensor, and hand out the moments that are over.

        Yields:
            The moment, and its items in the order of their sensors' names; moments in their order.
        """
        self._note(group, time_ns)
        self._waiting.setdefault(time_ns, []).append((group, item))
        foremost_ns = max(self._count)
        yield from self._over(min(ns for ns in self._count if ns >= foremost_ns - self._wait_ns))

    def _note(self, group: GroupId, time_ns: int) -> None:
        before_ns = self._reached.get(group)
        if before_ns is not None:
            if time_ns <= before_ns:
                return
            self._count[before_ns] -= 1
            if not self._count[before_ns]:
                del self._count[before_ns]
        self._reached[group] = time_ns
        self._count[time_ns] += 1

    def finish(self) -> Iterator[tuple[int, list[T]]]:
        """Hand out what waits: nothing more will come."""
        yield from self._over(max(self._waiting, default=0))

    def _over(self, until_ns: int) -> Iterator[tuple[int, list[T]]]:
        for moment_ns in sorted(ns for ns in self._waiting if ns <= until_ns):
            items = sorted(self._waiting.pop(moment_ns), key=lambda pair: pair[0])
            yield moment_ns, [item for _, item in items]

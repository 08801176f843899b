"""Whose turn it is where there is more to do than can be done."""

from __future__ import annotations

import heapq
from itertools import count

from umamba_rt.core.ids import GroupId

# Turns that a station may lag behind the others and make up for. Records of four seconds bring
# four windows at once, of which some are dropped while others' are not; who was away for an hour
# must not have the engine for itself.
_CREDIT = 8


class Turns:
    """Of the stations that wait, the one that has had fewest turns goes first.

    So all have the same share, however unevenly their windows come, as long as each has enough of
    them: start-time fair queueing with equal weights and a bounded memory of what was not used.
    Source: Goyal, Vin and Cheng (1997), IEEE/ACM Transactions on Networking 5, 690-704.
    """

    def __init__(self) -> None:
        self._had: dict[GroupId, int] = {}
        self._latest = 0  # how many the one had that went last
        self._order = count()
        self._waiting: list[tuple[int, int, GroupId]] = []  # a heap
        self._place: dict[GroupId, int] = {}

    def join(self, group: GroupId) -> None:
        """A station waits from now on; it must not wait already."""
        had = max(self._had.get(group, 0), self._latest - _CREDIT)
        self._had[group], self._place[group] = had, next(self._order)
        heapq.heappush(self._waiting, (had, self._place[group], group))

    def leave(self, group: GroupId) -> None:
        """A station that waits has nothing left to wait for."""
        del self._place[group]  # what the heap has of it is passed over when it comes up

    def take(self) -> GroupId:
        """The station whose turn it is: it waits no more. One must be waiting."""
        while True:
            had, place, group = heapq.heappop(self._waiting)
            if self._place.get(group) == place:
                break
        del self._place[group]
        self._latest = max(self._latest, had)
        self._had[group] = had + 1
        return group

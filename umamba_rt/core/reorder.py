"""Segments that came before their turn, held until the gap before them fills or is given up."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass

from umamba_rt.core.segment import Segment

# A peer may send records of one sample: 64 held ones are 5 s of a 2-sample record at 25 Hz, and
# eight times what 10 s of usual records take.
MOST_HELD = 64


@dataclass(frozen=True, slots=True)
class _Held:
    segment: Segment
    since_ns: int


class ReorderBuffer:
    """A channel's segments ahead of a gap, in the order of their times; bounded."""

    def __init__(self, reorder_ns: int) -> None:
        """Begin empty.

        Args:
            reorder_ns: how long a gap is waited for, by the data behind it and by the clock.
        """
        self._reorder_ns = reorder_ns
        self._held: list[_Held] = []
        self._newest_ns = 0

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, segment: Segment, now_ns: int) -> None:
        """Keep a segment for later."""
        insort(self._held, _Held(segment, now_ns), key=lambda held: held.segment.start_ns)
        is_only = len(self._held) == 1
        self._newest_ns = segment.end_ns if is_only else max(self._newest_ns, segment.end_ns)

    def take_until(self, time_ns: int) -> Segment | None:
        """The first segment, if it begins at ``time_ns`` or before: the gap is filled."""
        if self._held and self._held[0].segment.start_ns <= time_ns:
            return self._held.pop(0).segment
        return None

    def take_overdue(self, now_ns: int) -> Segment | None:
        """The first segment, if the gap before it was waited for long enough."""
        if not self._held:
            return None
        first = self._held[0]
        is_overdue = (
            self._newest_ns - first.segment.start_ns > self._reorder_ns
            or now_ns - first.since_ns >= self._reorder_ns
            or len(self._held) > MOST_HELD
        )
        return self._held.pop(0).segment if is_overdue else None

    def take_all(self) -> list[Segment]:
        """Every segment, in the order of their times."""
        segments = [held.segment for held in self._held]
        self._held.clear()
        return segments

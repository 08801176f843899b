"""Segments ahead of a clock that only the data move: kept apart until others agree with them."""

from __future__ import annotations

from umamba_rt.core.rate import nominal_rate
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S

# Further ahead than this a segment may be wrong. A replay's records come in the order of their
# ends, a few seconds apart; longer jumps are gaps of all stations at once.
AHEAD_NS = 10 * NS_PER_S
# A station whose clock is off sends three channels in a row, and then others' records come.
MOST_KEPT = 8
AGREEING = 3
_NEVER_NS = -(1 << 63)


def reach_ns(segment: Segment) -> int:
    """How far a segment moves the clock, ns since 1970 UTC.

    Not past its start where its rate cannot be used: a header may claim 1e-4 Hz, and an end days
    away.
    """
    return segment.start_ns if nominal_rate(segment.rate_hz) is None else segment.end_ns


class Quarantine:
    """Decides which segments may move the clock.

    One record with a corrupt time would else move it by years, and a station an hour off by an
    hour: every wait of every station would be over. A segment over 10 s ahead is kept. When the
    next ones lie where the clock is, it was wrong. When ``MOST_KEPT`` in a row lie ahead, the data
    have moved on: to the earliest time that ``AGREEING`` of them share. What is decided depends on
    the segments and their order alone. The first segments of all are such a jump, too.
    """

    def __init__(self) -> None:
        self._kept: list[Segment] = []
        self._clock_ns = _NEVER_NS

    def admit(self, segment: Segment) -> tuple[list[Segment], list[Segment]]:
        """Take a segment in.

        Returns:
            Segments to be used now, in the order of their arrival; segments to be refused.
        """
        if segment.start_ns > self._clock_ns + AHEAD_NS:
            self._kept.append(segment)
            return self._decide() if len(self._kept) >= MOST_KEPT else ([], [])
        refused: list[Segment] = []
        if reach_ns(segment) > self._clock_ns - AHEAD_NS:
            refused, self._kept = self._kept, []
        self._clock_ns = max(self._clock_ns, reach_ns(segment))
        return [segment], refused

    def finish(self) -> tuple[list[Segment], list[Segment]]:
        """Decide on what is still kept, as nothing more will come; see ``admit``."""
        used = self._decide()[0] if self._agreeing() else self._kept
        refused = [segment for segment in self._kept if used is not self._kept]
        self._kept = []
        return used, refused

    def _decide(self) -> tuple[list[Segment], list[Segment]]:
        group = self._agreeing()
        if not group:
            return [], [self._kept.pop(0)]  # no three agree: the oldest goes, the next may
        self._clock_ns = stop_ns = max(map(reach_ns, group))
        used = [segment for segment in self._kept if segment.start_ns <= stop_ns]
        self._kept = [segment for segment in self._kept if segment.start_ns > stop_ns]
        return used, []

    def _agreeing(self) -> list[Segment]:
        """The earliest of the groups that are large enough, or none."""
        return next((group for group in self._groups() if len(group) >= AGREEING), [])

    def _groups(self) -> list[list[Segment]]:
        """Kept segments by time, apart where over 10 s lie between two."""
        groups: list[list[Segment]] = []
        stop_ns = 0
        for segment in sorted(self._kept, key=lambda kept: kept.start_ns):
            if not groups or segment.start_ns > stop_ns + AHEAD_NS:
                groups.append([])
                stop_ns = reach_ns(segment)
            groups[-1].append(segment)
            stop_ns = max(stop_ns, reach_ns(segment))
        return groups

"""What the headers of a sensor's records say, kept for as long as its samples are."""

from __future__ import annotations

from dataclasses import dataclass

from umamba_rt.core.segment import NO_FLAGS, RecordFlag, Segment
from umamba_rt.core.timebase import NS_PER_S, RATE_HZ

_CLIPPED = RecordFlag.DIGITIZER_CLIPPED | RecordFlag.AMPLIFIER_SATURATED


@dataclass(frozen=True, slots=True)
class Stated:
    """What the records of a span of time say.

    Attributes:
        timing_quality: the lowest, per cent; None where no record says.
        flags: all that any of them has.
    """

    timing_quality: int | None = None
    flags: RecordFlag = NO_FLAGS

    def __or__(self, other: Stated) -> Stated:
        """Both spans together."""
        known = [q for q in (self.timing_quality, other.timing_quality) if q is not None]
        return Stated(min(known, default=None), self.flags | other.flags)

    @property
    def is_clipped(self) -> bool:
        """Whether a record says that the digitiser or what stands before it was at its limit."""
        return bool(self.flags & _CLIPPED)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the flags in the feed. That a clock was locked is no news and left out."""
        found = self.flags & ~RecordFlag.CLOCK_LOCKED
        return tuple(str(flag.name).lower() for flag in RecordFlag if flag & found)


NOTHING = Stated()


class RecordHeaders:
    """For each second of the latest past, what all records over it say together.

    Whole seconds, not records: the memory is bounded whatever comes how often, and the answer does
    not depend on the order in which records came.
    """

    def __init__(self, seconds: int) -> None:
        """Keep this many seconds up to the newest one."""
        self._seconds = seconds
        self._of: dict[int, Stated] = {}
        self._newest: int | None = None

    def note(self, segment: Segment) -> None:
        """Take a record's header in."""
        stated = Stated(segment.timing_quality, segment.flags & ~RecordFlag.CLOCK_LOCKED)
        first, last = segment.start_ns // NS_PER_S, segment.end_ns // NS_PER_S
        newest = last if self._newest is None else max(self._newest, last)
        if newest != self._newest:
            self._newest = newest
            if len(self._of) > 2 * self._seconds:  # seldom, and then half of all
                oldest = newest - self._seconds
                self._of = {second: kept for second, kept in self._of.items() if second > oldest}
        if stated == NOTHING:
            return
        for second in range(max(first, newest - self._seconds + 1), last + 1):
            known = self._of.get(second)
            self._of[second] = stated if known is None else known | stated

    def over(self, first: int, stop: int) -> Stated:
        """What is said of grid samples ``first`` to ``stop`` - 1."""
        found = NOTHING
        for second in range(first // RATE_HZ, (stop - 1) // RATE_HZ + 1):
            known = self._of.get(second)
            if known is not None and known != found:
                found |= known
        return found

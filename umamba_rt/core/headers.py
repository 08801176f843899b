"""What the headers of a sensor's records say, kept for as long as its samples are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from umamba_rt.core.segment import RecordFlag, Segment
from umamba_rt.core.timebase import NS_PER_S, RATE_HZ

_CLIPPED = RecordFlag.DIGITIZER_CLIPPED | RecordFlag.AMPLIFIER_SATURATED


@dataclass(frozen=True, slots=True)
class Stated:
    """What the records of a span of time say.

    Attributes:
        timing_quality: the lowest, per cent; None where no record says.
        is_clipped: a record says that the digitiser or what stands before it was at its limit.
        names: of all flags that any of them has, as the feed has them. That a clock was locked is
            no news and left out.
    """

    timing_quality: int | None = None
    is_clipped: bool = False
    names: tuple[str, ...] = ()

    def __or__(self, other: Stated) -> Stated:
        """Both spans together."""
        known = [q for q in (self.timing_quality, other.timing_quality) if q is not None]
        return Stated(
            min(known, default=None),
            self.is_clipped or other.is_clipped,
            tuple(sorted({*self.names, *other.names})),
        )


NOTHING = Stated()


@lru_cache(maxsize=4096)
def _stated(timing_quality: int | None, flags: RecordFlag) -> Stated:
    """Of one record; one object for equal headers, for operations on flags take a microsecond."""
    if timing_quality is None and not flags & ~RecordFlag.CLOCK_LOCKED:
        return NOTHING
    named = (flag for flag in RecordFlag if flag in flags and flag is not RecordFlag.CLOCK_LOCKED)
    names = sorted(str(flag.name).lower() for flag in named)
    return Stated(timing_quality, bool(flags & _CLIPPED), tuple(names))


class RecordHeaders:
    """For each second of the latest past, what all records over it say together.

    Whole seconds, not records: the memory is bounded whatever comes how often, and the answer does
    not depend on the order in which records came.
    """

    def __init__(self, seconds: int) -> None:
        """Keep this many seconds up to the newest one, and at most as many more."""
        self._seconds = seconds
        self._of: dict[int, Stated] = {}
        self._newest: int | None = None

    def note(self, segment: Segment) -> None:
        """Take a record's header in."""
        first, last = segment.start_ns // NS_PER_S, segment.end_ns // NS_PER_S
        self._newest = last if self._newest is None else max(self._newest, last)
        stated = _stated(segment.timing_quality, segment.flags)
        if stated is NOTHING:
            return
        oldest = self._newest - self._seconds
        for second in range(max(first, oldest + 1), last + 1):
            known = self._of.setdefault(second, stated)
            if known is not stated:
                self._of[second] = known | stated
        if len(self._of) > 2 * self._seconds:  # seldom, and then half of them go
            self._of = {second: kept for second, kept in self._of.items() if second > oldest}

    def over(self, first: int, stop: int) -> Stated:
        """What is said of grid samples ``first`` to ``stop`` - 1, to whole seconds."""
        found = latest = NOTHING
        for second in range(first // RATE_HZ, (stop - 1) // RATE_HZ + 1):
            known = self._of.get(second, NOTHING)
            if known is not latest:
                found, latest = found | known, known
        return found

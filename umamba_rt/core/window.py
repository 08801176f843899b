"""Which windows of a station are due: the UTC grid, the wait, and never one twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from umamba_rt.core.calibration import COUNTS, Calibration
from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.ids import GroupId
from umamba_rt.core.quality import Quality
from umamba_rt.core.rise import Tail
from umamba_rt.core.timebase import ceil_to, index_ns
from umamba_rt.core.trigger_span import TriggerSpan


@dataclass(frozen=True, slots=True)
class Window:
    """Three components over one span of the grid, ready for the normalisation.

    Attributes:
        group: the station's sensor.
        first: grid index of the first sample, a multiple of the hop.
        samples: shape ``(3, n)``, order Z N E, counts, without NaN.
        quality: what was missing, clipped, and so on.
        arrival_ns: when its last sample came, or its wait ended, by the pipeline's clock, ns.
        revision: 0 for the first emission.
        calibration: what a count of each component stands for.
        triggers: of the vertical, those that had not ended when the window began.
        tail: what the rises in its newest hop follow from; None where no scan wants them.
    """

    group: GroupId
    first: int
    samples: Float32Array
    quality: Quality
    arrival_ns: int
    revision: int = 0
    calibration: Calibration = COUNTS
    triggers: tuple[TriggerSpan, ...] = ()
    tail: Tail | None = None

    @property
    def start_ns(self) -> int:
        """Grid time of the first sample, ns since 1970 UTC."""
        return index_ns(self.first)

    @property
    def end_ns(self) -> int:
        """Grid time of the last sample, ns since 1970 UTC."""
        return index_ns(self.first + self.samples.shape[1] - 1)


@dataclass(frozen=True, slots=True)
class WindowRules:
    """How windows are cut.

    Attributes:
        length: samples of a window; 3001 for 30 s with both ends.
        hop: samples between the starts of two windows.
        max_wait_ns: how long a sample may come after the first later one of any component.
        max_gap: most samples of one component that may be missing; more withholds the window.
    """

    length: int
    hop: int
    max_wait_ns: int
    max_gap: int


class WindowSchedule:
    """Hands out each window of a station once, in order.

    A window is due when all three components have all its samples, or when the last one that it
    lacks was waited for: ``max_wait_ns`` after a component passed that sample's time. A gap thus
    delays the windows that end soon after it, and none once the wait for its samples is over.
    Windows that lie before any sample do not exist.
    """

    def __init__(self, rules: WindowRules) -> None:
        self._rules = rules
        self._next: int | None = None
        self._decided_from: int | None = None
        self._furthest: int | None = None
        # (furthest grid index after a sample, when it got there), where still waited for.
        self._reached: deque[tuple[int, int]] = deque()
        # Samples before this index are waited for no longer.
        self._waited_to: int | None = None
        # No window starts before this index: an earlier run had handed them out.
        self._floor: int | None = None
        # Grid index after the last gap of the next window, where one is known: only samples from
        # before it can change it. Looking for it takes 20 us, at each of 30,000 records an hour.
        self._gap_stop: int | None = None

    @property
    def next_first(self) -> int | None:
        """Grid index of the next window's first sample, or None before any sample."""
        return self._next

    def resume_after(self, first: int) -> None:
        """Hand out no window up to the one that starts at ``first``: an earlier run did.

        To be called before the first samples. The samples that refill the ring then count as late
        for no window, and the windows that follow are those that the earlier run had yet to hand
        out, as far as their samples come again. ``first`` need not lie on this schedule's grid:
        the hop may have changed between the runs. The caller vouches that it is not from the
        future: until then nothing would be handed out.
        """
        floor = ceil_to(first + 1, self._rules.hop)
        self._floor = floor if self._floor is None else max(self._floor, floor)
        if self._next is not None:
            self._next, self._gap_stop = max(self._next, self._floor), None

    def adopt(self, rules: WindowRules) -> None:
        """Go by another ``max_gap``; the rest of the rules is to be the same."""
        self._rules, self._gap_stop = rules, None

    def saw(self, first: int, stop: int, now_ns: int) -> None:
        """Note that samples ``first`` to ``stop`` - 1 are there.

        Until a window was handed out, earlier samples move the first window back, so that the
        windows of the same data do not depend on the order of their packets.
        """
        candidate = ceil_to(first - self._rules.max_gap, self._rules.hop)
        if self._floor is not None:
            candidate = max(candidate, self._floor)
        if self._next is None or (self._decided_from is None and candidate < self._next):
            self._next, self._gap_stop = candidate, None
        if self._gap_stop is not None and first < self._gap_stop:
            self._gap_stop = None
        if self._furthest is None or stop > self._furthest:
            self._furthest = stop
            self._reached.append((stop, now_ns))

    def due(self, missing_stop: Callable[[int], int], now_ns: int) -> Iterator[int]:
        """Hand out the windows that are due now.

        Args:
            missing_stop: for a window's first index, the grid index after the last sample that
                the window lacks; the first index itself where it lacks none.
            now_ns: the pipeline's clock.

        Yields:
            Grid indices of first samples.
        """
        while self._reached and self._reached[0][1] + self._rules.max_wait_ns <= now_ns:
            self._waited_to = self._reached.popleft()[0]
        while self._next is not None:
            lacking = self._gap_stop
            if lacking is None:
                lacking = self._next + self._rules.length
                if self._furthest is None or self._furthest >= lacking:  # seldom: look
                    lacking = missing_stop(self._next)
            if self._next < lacking < self._next + self._rules.length:
                self._gap_stop = lacking
            if lacking > self._next and (self._waited_to is None or self._waited_to < lacking):
                return
            yield self._hand_out(self._next)

    def before(self, limit: int) -> Iterator[int]:
        """Hand out, due or not, the windows that start before ``limit``: their data must go."""
        while self._next is not None and self._next < limit:
            yield self._hand_out(self._next)

    def pass_silence(self, limit: int, first: int) -> int:
        """Pass over windows in silence that start before ``limit``, those with samples being cut.

        Args:
            limit: oldest grid index that the ring will hold.
            first: of the samples behind the silence.

        Returns:
            How many of them hold such a sample; those that end before them are a million a year of
            one bad time.
        """
        reach = min(limit, max(limit, first) - self._rules.max_gap)
        self.skip_to(min(reach, first - self._rules.length + 1))
        return self.skip_to(reach)

    def skip_to(self, first: int) -> int:
        """Pass over the windows that start before ``first``; returns how many."""
        if self._next is None or first <= self._next:
            return 0
        target = ceil_to(first, self._rules.hop)
        skipped = (target - self._next) // self._rules.hop
        self._next, self._gap_stop = target, None
        return skipped

    def decided_over(self, first: int, stop: int) -> range:
        """The windows already handed out that hold one of the samples ``first`` to ``stop`` - 1.

        Returns:
            Grid indices of their first samples.
        """
        if self._next is None or self._decided_from is None:
            return range(0)
        oldest = ceil_to(first - self._rules.length + 1, self._rules.hop)
        oldest = max(oldest, self._decided_from)
        newest = min(self._next - self._rules.hop, stop - 1)
        return range(oldest, newest + 1, self._rules.hop)

    def _hand_out(self, first: int) -> int:
        if self._decided_from is None:
            self._decided_from = first
        self._next, self._gap_stop = first + self._rules.hop, None
        while self._reached and self._reached[0][0] <= self._next:
            self._reached.popleft()
        return first

"""One channel's segments onto the sample grid: where each sample lies, at 100 Hz."""

from __future__ import annotations

from fractions import Fraction

from umamba_rt.core.grid_run import GridRun
from umamba_rt.core.ids import SourceId
from umamba_rt.core.leap import settle_leap
from umamba_rt.core.numbers import as_numbers
from umamba_rt.core.rate import HIGHEST_HZ, LOWEST_HZ, is_same_rate, nominal_rate
from umamba_rt.core.resampled import ResampledPlacer
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S, RATE_HZ, SAMPLE_NS, index_ns, nearest_index
from umamba_rt.errors import SampleRateError

REORDER_NS = 10 * NS_PER_S


def require_rate(segment: Segment) -> Fraction:
    """The native rate that a segment's header means, Hz.

    Raises:
        SampleRateError: the rate lies outside of 20 to 500 Hz.
    """
    rate_hz = nominal_rate(segment.rate_hz)
    if rate_hz is None:
        limits_hz = (float(LOWEST_HZ), float(HIGHEST_HZ))
        raise SampleRateError(str(segment.source_id), segment.rate_hz, limits_hz)
    return rate_hz


class StraightPlacer:
    """Places the segments of a channel that has the grid's own rate.

    A sample goes to the grid index nearest to its time. Segments near the last one keep its
    distance from the grid, as long as that stays within three quarters of a sample: time stamps
    that sit half-way between two indices and jitter by microseconds would else open and close
    gaps of one sample. That holds for the past, too, so the order does not matter.
    """

    rate_hz = Fraction(RATE_HZ)

    def __init__(self, reorder_ns: int) -> None:
        self._reorder_ns = reorder_ns
        self._end_ns: int | None = None  # of the newest segment: when its next sample is due
        self._offset_ns = 0  # of that segment from the grid indices it was given

    def accept(self, segment: Segment, _now_ns: int) -> list[GridRun]:
        """Give a segment its place; see ``Channel.accept``."""
        start_ns = segment.start_ns
        first = nearest_index(start_ns)
        end_ns = start_ns + len(segment.samples) * SAMPLE_NS
        if self._end_ns is not None and self._is_near(start_ns, end_ns):
            lattice = nearest_index(start_ns - self._offset_ns)
            if abs(start_ns - index_ns(lattice)) * 4 <= SAMPLE_NS * 3:
                first = lattice
        if self._end_ns is None or end_ns > self._end_ns:
            self._end_ns, self._offset_ns = end_ns, start_ns - index_ns(first)
        return [GridRun(first, as_numbers(segment.samples))]

    def tick(self, _now_ns: int) -> list[GridRun]:
        """Nothing is ever held."""
        return []

    def finish(self) -> list[GridRun]:
        """Nothing is ever held."""
        return []

    def _is_near(self, start_ns: int, end_ns: int) -> bool:
        newest_ns = self._end_ns or 0
        return start_ns - newest_ns <= self._reorder_ns and newest_ns - end_ns <= self._reorder_ns


class Channel:
    """Places a channel's segments, whatever their rate.

    Attributes:
        source_id: the channel.
        rate_changes: how often the native rate has changed.
    """

    def __init__(self, source_id: SourceId, reorder_ns: int = REORDER_NS) -> None:
        """Begin without a rate.

        Args:
            source_id: the channel.
            reorder_ns: how much later than its turn a segment may come and be taken as if it had
                come in its turn.
        """
        self.source_id = source_id
        self.rate_changes = 0
        self._reorder_ns = reorder_ns
        self._placer: StraightPlacer | ResampledPlacer | None = None

    @property
    def rate_hz(self) -> float:
        """Native rate of the latest segment, Hz; 0 before any."""
        return 0.0 if self._placer is None else float(self._placer.rate_hz)

    def accept(self, segment: Segment, now_ns: int = 0) -> list[GridRun]:
        """Give the grid samples that a segment settles.

        Args:
            segment: of this channel.
            now_ns: the pipeline's clock.

        Returns:
            The segment's own samples, and what a gap, its end, or a changed rate releases.

        Raises:
            SampleRateError: the rate lies outside of 20 to 500 Hz; nothing is changed.
        """
        rate_hz = require_rate(segment)
        runs: list[GridRun] = []
        for part in settle_leap(segment):
            placer = self._placer
            if placer is None:
                placer = self._placer = self._placer_of(rate_hz, part.start_ns)
            elif rate_hz is not placer.rate_hz and not is_same_rate(rate_hz, placer.rate_hz):
                runs += placer.finish()
                self.rate_changes += 1
                placer = self._placer = self._placer_of(rate_hz, part.start_ns)
            runs += placer.accept(part, now_ns)
        return runs

    def tick(self, now_ns: int) -> list[GridRun]:
        """Give what was held for a gap whose wait has ended."""
        return [] if self._placer is None else self._placer.tick(now_ns)

    def _placer_of(self, rate_hz: Fraction, start_ns: int) -> StraightPlacer | ResampledPlacer:
        if rate_hz == RATE_HZ:
            return StraightPlacer(self._reorder_ns)
        return ResampledPlacer(rate_hz, start_ns, self._reorder_ns)

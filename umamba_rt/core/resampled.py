"""A channel of another rate onto the grid: one resampler for each run of samples without a gap."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

import numpy as np

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.grid_run import GridRun
from umamba_rt.core.numbers import as_numbers
from umamba_rt.core.reorder import ReorderBuffer
from umamba_rt.core.resample import Resampler
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S

# Runs whose spans are remembered, to tell a repeated segment from one that fills a gap.
_SPANS = 32


class ResampledPlacer:
    """Places the segments of one rate, late ones in their turn.

    A segment ahead of a gap is held for up to ``reorder_ns``, so that the samples are those of the
    segments in order. What comes later than that is resampled by itself and fills its gap.
    """

    def __init__(self, rate_hz: Fraction, start_ns: int, reorder_ns: int) -> None:
        """Begin a run.

        Args:
            rate_hz: native rate, Hz.
            start_ns: time of the first segment's first sample, ns since 1970 UTC.
            reorder_ns: how long a gap is waited for.
        """
        self.rate_hz = rate_hz
        self._period_ns = float(NS_PER_S / rate_hz)
        self._half_ns = round(self._period_ns / 2)
        self._run = Resampler(rate_hz, start_ns)
        self._began_ns = start_ns
        self._held = ReorderBuffer(reorder_ns)
        self._spans: deque[tuple[int, int]] = deque(maxlen=_SPANS)

    def accept(self, segment: Segment, now_ns: int) -> list[GridRun]:
        """Give the grid samples that a segment settles; see ``Channel.accept``."""
        if segment.start_ns > self._reach_ns:
            self._held.hold(segment, now_ns)
            return self.tick(now_ns)
        return [*self._take(segment), *self.tick(now_ns)]

    def tick(self, now_ns: int) -> list[GridRun]:
        """Give what a filled gap, or the end of its wait, settles."""
        runs: list[GridRun] = []
        while True:
            if (segment := self._held.take_until(self._reach_ns)) is not None:
                runs += self._take(segment)
            elif (segment := self._held.take_overdue(now_ns)) is not None:
                runs += _joined(self._restart(segment.start_ns), self._take(segment))
            else:
                return runs

    def finish(self) -> list[GridRun]:
        """End the run and give all that was held: the channel's rate has changed."""
        runs: list[GridRun] = []
        for segment in self._held.take_all():
            if segment.start_ns > self._reach_ns:
                runs += self._restart(segment.start_ns)
            runs += self._take(segment)
        return [*runs, *_runs(self._run.next_index, self._run.finish())]

    @property
    def _reach_ns(self) -> int:
        """Latest start of a segment that goes on where the run ended."""
        return self._run.expected_ns + self._half_ns

    def _restart(self, start_ns: int) -> list[GridRun]:
        self._spans.append((self._began_ns, self._run.expected_ns))
        runs = _runs(self._run.next_index, self._run.finish())
        self._run.begin(start_ns)
        self._began_ns = start_ns
        return runs

    def _take(self, segment: Segment) -> list[GridRun]:
        """A segment that begins at the run's end or before: of an overlap the new part counts."""
        known = max(0, round((self._run.expected_ns - segment.start_ns) / self._period_ns))
        if known >= len(segment.samples):
            return self._late(segment)
        start_ns = segment.start_ns + round(known * self._period_ns)
        deviation_ns = start_ns - self._run.expected_ns
        if abs(deviation_ns) * 4 > self._period_ns:
            self._run.shift(deviation_ns)
        return _runs(self._run.next_index, self._run.push(as_numbers(segment.samples[known:])))

    def _late(self, segment: Segment) -> list[GridRun]:
        """A segment of the past, by itself.

        Of one whose samples came before, only what lies further than half a filter from its ends:
        those are the numbers of the first time, for the ring to compare.
        """
        alone = Resampler(self.rate_hz, segment.start_ns)
        first, inside = alone.next_index, alone.edge_stop
        values = alone.push(as_numbers(segment.samples))
        if self._is_repeated(segment.start_ns, alone.expected_ns):
            return _runs(inside, values[inside - first :])
        self._spans.append((segment.start_ns, alone.expected_ns))
        return _runs(first, np.concatenate((values, alone.finish())))

    def _is_repeated(self, start_ns: int, stop_ns: int) -> bool:
        half_ns = self._period_ns / 2
        spans = [*self._spans, (self._began_ns, self._run.expected_ns)]
        return any(
            begin_ns - half_ns <= start_ns and stop_ns <= end_ns + half_ns
            for begin_ns, end_ns in spans
        )


def _joined(ended: list[GridRun], begun: list[GridRun]) -> list[GridRun]:
    """The end of a run and the begin of the next; as one where no instant between them is open."""
    if not ended or not begun or ended[-1].stop != begun[0].first:
        return ended + begun
    return [GridRun(ended[-1].first, np.concatenate((ended[-1].values, begun[0].values)))]


def _runs(first: int, values: Float32Array) -> list[GridRun]:
    return [GridRun(first, values)] if len(values) else []

"""One channel's segments onto the sample grid: where each sample lies, at 100 Hz."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.ids import SourceId
from umamba_rt.core.resample import NATIVE_RATES_HZ, Resampler, supported_rate
from umamba_rt.core.segment import SampleArray, Segment
from umamba_rt.core.timebase import NS_PER_S, RATE_HZ, SAMPLE_NS, index_ns, nearest_index
from umamba_rt.errors import SampleRateError


@dataclass(frozen=True, slots=True)
class GridRun:
    """Samples with their place on the grid.

    Attributes:
        first: grid index of the first sample.
        values: shape ``(n,)``, n >= 1, the record's unit; NaN where a float record had no number.
    """

    first: int
    values: Float32Array

    @property
    def stop(self) -> int:
        """Grid index after the last sample."""
        return self.first + len(self.values)


def require_rate(segment: Segment) -> float:
    """The supported native rate of a segment, Hz.

    Raises:
        SampleRateError: the rate is none of the supported ones.
    """
    rate_hz = supported_rate(segment.rate_hz)
    if rate_hz is None:
        raise SampleRateError(str(segment.source_id), segment.rate_hz, NATIVE_RATES_HZ)
    return rate_hz


class Channel:
    """Places a channel's segments in the order in which they come.

    A sample goes to the grid index nearest to its time. A segment that goes on where the last
    one ended keeps counting as long as it stays within three quarters of a sample: time stamps
    that sit half-way between two indices and jitter by microseconds would else open and close
    gaps of one sample.
    """

    def __init__(self, source_id: SourceId) -> None:
        self.source_id = source_id
        self.rate_hz = 0.0
        self._expected_ns: int | None = None
        self._next_index = 0
        self._resampler: Resampler | None = None

    def accept(self, segment: Segment) -> list[GridRun]:
        """Give the grid samples that a segment settles.

        Returns:
            Up to two runs: what a gap or a changed rate releases from the resampler, and the
            segment's own samples.

        Raises:
            SampleRateError: the rate is none of the supported ones; nothing is changed.
        """
        rate_hz = require_rate(segment)
        if rate_hz == RATE_HZ:
            runs = self._end_resampling()
            self.rate_hz = rate_hz
            return [*runs, self._place(segment)]
        return self._resample(segment, rate_hz)

    def _continues(self, segment: Segment, sample_ns: int) -> bool:
        return (
            self._expected_ns is not None
            and abs(segment.start_ns - self._expected_ns) * 2 <= sample_ns
        )

    def _place(self, segment: Segment) -> GridRun:
        first = nearest_index(segment.start_ns)
        if self._continues(segment, SAMPLE_NS):
            deviation_ns = abs(segment.start_ns - index_ns(self._next_index))
            if deviation_ns * 4 <= SAMPLE_NS * 3:
                first = self._next_index
        self._expected_ns = segment.start_ns + len(segment.samples) * SAMPLE_NS
        self._next_index = first + len(segment.samples)
        return GridRun(first, _numbers(segment.samples))

    def _resample(self, segment: Segment, rate_hz: float) -> list[GridRun]:
        sample_ns = round(NS_PER_S / rate_hz)  # exact for the supported rates
        if self._resampler is None or self.rate_hz != rate_hz:
            runs = self._restart(segment, rate_hz)
            samples: SampleArray = segment.samples
        elif self._continues(segment, sample_ns):
            runs, samples = [], segment.samples
        elif self._is_past(segment, sample_ns):
            return self._resample_alone(segment, rate_hz)
        else:
            # A gap, or an overlap of which only the new part counts.
            overlap = round(((self._expected_ns or 0) - segment.start_ns) / sample_ns)
            samples = segment.samples[max(0, overlap) :]
            runs = [] if overlap > 0 else self._restart(segment, rate_hz)
        # Counted from the run's start: time stamps that drift away from it end the run.
        self._expected_ns = (self._expected_ns or 0) + len(samples) * sample_ns
        return [*runs, *self._push(samples)]

    def _is_past(self, segment: Segment, sample_ns: int) -> bool:
        # The newest record once more ends at the expected time and is an overlap, not a past one.
        return self._expected_ns is not None and segment.end_ns + sample_ns < self._expected_ns

    def _resample_alone(self, segment: Segment, rate_hz: float) -> list[GridRun]:
        """A late segment: resampled by itself, so that it may fill its gap."""
        alone = Resampler(rate_hz)
        values = np.concatenate((alone.push(_numbers(segment.samples)), alone.finish()))
        return [GridRun(nearest_index(segment.start_ns), values)] if len(values) else []

    def _restart(self, segment: Segment, rate_hz: float) -> list[GridRun]:
        runs = self._end_resampling()
        self._resampler = Resampler(rate_hz)
        self.rate_hz = rate_hz
        self._next_index = nearest_index(segment.start_ns)
        self._expected_ns = segment.start_ns
        return runs

    def _end_resampling(self) -> list[GridRun]:
        if self._resampler is None:
            return []
        values = self._resampler.finish()
        self._resampler, self._expected_ns = None, None
        return self._advance(values)

    def _push(self, samples: SampleArray) -> list[GridRun]:
        if self._resampler is None or len(samples) == 0:
            return []
        return self._advance(self._resampler.push(_numbers(samples)))

    def _advance(self, values: Float32Array) -> list[GridRun]:
        if len(values) == 0:
            return []
        run = GridRun(self._next_index, values)
        self._next_index = run.stop
        return [run]


def _numbers(samples: SampleArray) -> Float32Array:
    """As float32; what is not a finite number becomes NaN, the ring's mark of a missing sample.

    24-bit counts are exact in float32.
    """
    with np.errstate(over="ignore"):
        values = samples.astype(np.float32)
    if samples.dtype.kind == "f":
        values[~np.isfinite(values)] = np.nan
    return values

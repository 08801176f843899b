"""A run of samples of one channel without a gap: what one record decodes to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, auto
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.ids import SourceId

SampleArray: TypeAlias = NDArray[np.int32] | NDArray[np.float32] | NDArray[np.float64]


class RecordFlag(Flag):
    """What a record's header says of its samples and its clock.

    Source: SEED 2.4, fixed section of data header, fields 12 to 14; miniSEED 3 keeps them as bits
    of its own flags and under ``/FDSN``.
    """

    LEAP_ADDED = auto()  # a positive leap second happened during the record
    LEAP_REMOVED = auto()  # a negative one
    CLOCK_LOCKED = auto()  # many dataloggers never set it: its absence says nothing
    TIME_QUESTIONABLE = auto()
    AMPLIFIER_SATURATED = auto()
    DIGITIZER_CLIPPED = auto()
    SPIKES = auto()
    GLITCHES = auto()
    MISSING_PADDED = auto()  # missing samples stand in it as some value
    TELEMETRY_ERROR = auto()
    FILTER_CHARGING = auto()


NO_FLAGS = RecordFlag(0)


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive samples of one channel.

    Attributes:
        source_id: the channel.
        start_ns: time of the first sample, ns since 1970 UTC.
        rate_hz: sampling rate, Hz; > 0.
        samples: shape ``(n,)``, n >= 1, in the unit of the record (counts).
        timing_quality: blockette 1001's per cent, or None where the record does not say.
        flags: what else the record says of its samples and its clock.
    """

    source_id: SourceId
    start_ns: int
    rate_hz: float
    samples: SampleArray
    timing_quality: int | None = None
    flags: RecordFlag = NO_FLAGS

    @property
    def end_ns(self) -> int:
        """Time of the last sample, ns since 1970 UTC."""
        return self.start_ns + round((len(self.samples) - 1) * 1e9 / self.rate_hz)

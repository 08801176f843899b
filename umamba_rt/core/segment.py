"""A run of samples of one channel without a gap: what one record decodes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.ids import SourceId

SampleArray: TypeAlias = NDArray[np.int32] | NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive samples of one channel.

    Attributes:
        source_id: the channel.
        start_ns: time of the first sample, ns since 1970 UTC.
        rate_hz: sampling rate, Hz; > 0.
        samples: shape ``(n,)``, n >= 1, in the unit of the record (counts).
        timing_quality: blockette 1001's per cent, or None where the record does not say.
    """

    source_id: SourceId
    start_ns: int
    rate_hz: float
    samples: SampleArray
    timing_quality: int | None = None

    @property
    def end_ns(self) -> int:
        """Time of the last sample, ns since 1970 UTC."""
        return self.start_ns + round((len(self.samples) - 1) * 1e9 / self.rate_hz)

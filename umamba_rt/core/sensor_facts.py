"""What an operator wants to know of a sensor now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.ids import GroupId
from umamba_rt.core.state import StateChange
from umamba_rt.core.timebase import RATE_HZ


@dataclass(frozen=True, slots=True)
class RecentGaps:
    """What is missing between the first and the latest sample of each component of a ring.

    Attributes:
        span_s: from the earliest sample held to the latest one, s.
        count: gaps, of all components together.
        missing_s: missing time of the component that misses most, s.
    """

    span_s: float
    count: int
    missing_s: float


@dataclass(frozen=True, slots=True)
class SensorFacts:
    """A sensor's state of affairs.

    Attributes:
        group: which sensor.
        state: its latest state; None before any.
        components: subsource codes of the channels that came, in the order Z N E.
        rate_hz: native rate of its first channel in that order; None before any, Hz.
        last_sample_ns: time of the latest sample on the grid, ns since 1970 UTC; None before any.
        last_arrival_ns: when it came, by the pipeline's clock, ns; None before any.
        gaps: of what the ring holds.
        counts: what was counted of this sensor, by the names of the heartbeat.
    """

    group: GroupId
    state: StateChange | None
    components: str
    rate_hz: float | None
    last_sample_ns: int | None
    last_arrival_ns: int | None
    gaps: RecentGaps
    counts: Mapping[str, int]


def recent_gaps(samples: Float32Array) -> RecentGaps:
    """Gaps in what a ring holds.

    Args:
        samples: shape ``(3, n)``, NaN where a sample is missing.
    """
    first, last, count, missing = samples.shape[1], -1, 0, 0
    for row in samples:
        there = np.flatnonzero(~np.isnan(row))
        if len(there) == 0:
            continue
        begin, end = int(there[0]), int(there[-1])
        first, last = min(first, begin), max(last, end)
        count += int(np.count_nonzero(np.diff(there) > 1))
        missing = max(missing, end - begin + 1 - len(there))
    return RecentGaps(max(0, last - first) / RATE_HZ, count, missing / RATE_HZ)

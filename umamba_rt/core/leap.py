"""Records over a leap second: their samples by UTC, without a gap or an overlap of one second."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from umamba_rt.core.segment import RecordFlag, SampleArray, Segment
from umamba_rt.core.timebase import NS_PER_S

_DAY_NS = 86_400 * NS_PER_S


def settle_leap(segment: Segment) -> list[Segment]:
    """Count a segment's samples by the UTC that the next record is stamped in.

    The grid has no place for a 61st second: the samples of an added second are left out and those
    behind it take their own times, a second earlier than counted. A removed second is bridged by
    a straight line: nothing happened in it. A flag in a record that no UTC month ends in means
    nothing.

    Returns:
        One segment, or the two parts on both sides of an added second.

    Source: SEED 2.4, fixed section, field 12, bits 4 and 5; libmseed takes a flagged record's end
    for a second earlier, or later, alike.
    """
    if RecordFlag.LEAP_ADDED in segment.flags:
        return _without_added(segment)
    if RecordFlag.LEAP_REMOVED in segment.flags:
        return [_over_removed(segment)]
    return [segment]


def _without_added(segment: Segment) -> list[Segment]:
    # A record may begin in the second itself: 23:59:60 is written as 00:00:00.
    today_ns = segment.start_ns // _DAY_NS * _DAY_NS
    is_in_it = segment.start_ns - today_ns < NS_PER_S and _begins_month(today_ns)
    month_ns = today_ns if is_in_it else today_ns + _DAY_NS
    first = max(0, _samples_before(segment, month_ns))
    if not _begins_month(month_ns) or first >= len(segment.samples):
        return [segment]
    stop = _samples_before(segment, month_ns + NS_PER_S) if is_in_it else first + _second(segment)
    head = replace(segment, samples=segment.samples[:first])
    tail = replace(
        segment,
        start_ns=segment.start_ns + _length_ns(segment, stop) - NS_PER_S,
        samples=segment.samples[stop:],
    )
    return [part for part in (head, tail) if len(part.samples)]


def _over_removed(segment: Segment) -> Segment:
    month_ns = (segment.start_ns // _DAY_NS + 1) * _DAY_NS
    first = _samples_before(segment, month_ns - NS_PER_S)
    if not _begins_month(month_ns) or not 0 < first <= len(segment.samples):
        return segment
    before, after = segment.samples[:first], segment.samples[first:]
    ends = float(before[-1]), float(after[0] if len(after) else before[-1])
    line = np.linspace(*ends, _second(segment) + 2)[1:-1].astype(segment.samples.dtype)
    samples: SampleArray = np.concatenate((before, line, after))
    return replace(segment, samples=samples)


def _begins_month(time_ns: int) -> bool:
    return datetime.fromtimestamp(time_ns // NS_PER_S, tz=UTC).day == 1


def _samples_before(segment: Segment, time_ns: int) -> int:
    """How many samples lie before a time, as if the segment went on in both directions."""
    return int(np.ceil((time_ns - segment.start_ns) * segment.rate_hz / NS_PER_S))


def _second(segment: Segment) -> int:
    return round(segment.rate_hz)


def _length_ns(segment: Segment, count: int) -> int:
    return round(count * NS_PER_S / segment.rate_hz)

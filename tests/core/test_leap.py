from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.ids import SourceId
from umamba_rt.core.leap import settle_leap
from umamba_rt.core.segment import NO_FLAGS, RecordFlag, Segment
from umamba_rt.core.timebase import NS_PER_S

HHZ = SourceId.parse("FDSN:CI_CCC__H_H_Z")
MONTH_S = 1_483_228_800  # 2017-01-01: the second before it was a leap second
ADDED, REMOVED = RecordFlag.LEAP_ADDED, RecordFlag.LEAP_REMOVED


def record(
    offset_s: float, count: int, flags: RecordFlag, *, rate_hz: float = 10.0, day_s: int = MONTH_S
) -> Segment:
    """Samples 0, 1, 2, ... from ``offset_s`` after a midnight on."""
    start_ns = day_s * NS_PER_S + round(offset_s * NS_PER_S)
    return Segment(HHZ, start_ns, rate_hz, np.arange(count, dtype=np.int32), flags=flags)


def stamped(segments: list[Segment]) -> list[tuple[float, int]]:
    """Time after midnight, s, and value of each sample."""
    return [
        (round(part.start_ns / NS_PER_S - MONTH_S + n / part.rate_hz, 6), int(value))
        for part in segments
        for n, value in enumerate(part.samples)
    ]


def test_the_samples_of_an_added_second_are_left_out_and_the_others_keep_utc() -> None:
    parts = settle_leap(record(-0.3, 20, ADDED))
    before = [(-0.3, 0), (-0.2, 1), (-0.1, 2)]
    # 3 to 12 are 23:59:60; 13 is 00:00:00.
    after = [(round((n - 13) / 10, 6), n) for n in range(13, 20)]
    assert stamped(parts) == before + after


@pytest.mark.parametrize(
    ("offset_s", "first", "at_s"), [(0.0, 10, 0.0), (0.4, 6, 0.0), (0.9, 1, 0)]
)
def test_a_record_that_begins_in_the_added_second_loses_what_lies_in_it(
    offset_s: float, first: int, at_s: float
) -> None:
    ((found_s, value), *_) = stamped(settle_leap(record(offset_s, 20, ADDED)))
    assert (found_s, value) == (at_s, first)


def test_a_record_inside_the_added_second_leaves_nothing() -> None:
    assert settle_leap(record(0.1, 8, ADDED)) == []


def test_a_record_that_ends_in_the_added_second_keeps_its_begin() -> None:
    assert stamped(settle_leap(record(-0.2, 5, ADDED))) == [(-0.2, 0), (-0.1, 1)]


def test_a_removed_second_is_bridged_by_a_straight_line() -> None:
    (whole,) = settle_leap(record(-1.2, 4, REMOVED))
    assert whole.samples.dtype == np.int32
    np.testing.assert_array_equal(whole.samples, [0, 1, *[1] * 10, 2, 3])
    (steep,) = settle_leap(
        Segment(HHZ, whole.start_ns, 10.0, np.array([0.0, 0.0, 11.0]), flags=REMOVED)
    )
    np.testing.assert_allclose(steep.samples, [0, *range(12)])


def test_a_removed_second_right_behind_the_record_is_bridged_by_its_last_sample() -> None:
    (whole,) = settle_leap(record(-1.2, 2, REMOVED))
    np.testing.assert_array_equal(whole.samples, [0, *[1] * 11])


@pytest.mark.parametrize("flags", [ADDED, REMOVED])
@pytest.mark.parametrize(
    ("offset_s", "day_s"),
    [(-600.0, MONTH_S), (1.5, MONTH_S), (-1.2, MONTH_S - 86_400), (3600.0, MONTH_S + 86_400)],
)
def test_a_flag_where_no_leap_second_can_be_means_nothing(
    flags: RecordFlag, offset_s: float, day_s: int
) -> None:
    found = record(offset_s, 30, flags, day_s=day_s)
    assert settle_leap(found) == [found]


def test_a_record_without_a_flag_stays_as_it_is() -> None:
    found = record(-1.0, 30, NO_FLAGS)
    assert settle_leap(found) == [found]


@given(
    st.floats(-5, 5),
    st.integers(1, 900),
    st.sampled_from([20.0, 200 / 3, 100.0, 499.97]),
    st.sampled_from([ADDED, REMOVED]),
)
def test_time_goes_on_by_a_period_over_a_leap_second(
    offset_s: float, count: int, rate_hz: float, flags: RecordFlag
) -> None:
    parts = settle_leap(record(offset_s, count, flags, rate_hz=rate_hz))
    times_s = [at_s for at_s, _ in stamped(parts)]
    steps = np.diff(times_s) * rate_hz
    # A second is no whole number of periods at every rate: half a period is left.
    assert np.all(np.abs(steps - 1) <= 0.51)
    lost = count - len(times_s)
    assert (lost >= 0) if flags is ADDED else (lost in (0, -round(rate_hz)))
    assert lost <= round(rate_hz) + 1

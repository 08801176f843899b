"""core/sensor.py: windows that late samples change go out again where that is asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.sensor_cases import (
    CAPACITY,
    GROUP,
    RULES,
    STALE_NS,
    START,
    TRUTH,
    feed,
    now,
    offsets,
    record_list,
    segment,
    windows,
)
from umamba_rt.core.cut import Cut
from umamba_rt.core.preference import Preference, Roster
from umamba_rt.core.reasons import Reason
from umamba_rt.core.sensor import Sensor
from umamba_rt.core.sensor_rules import SensorRules

RESENDING = SensorRules(RULES, CAPACITY, STALE_NS, resend_late=True)


def sent(cuts: list[Cut]) -> list[tuple[int, int]]:
    return [(window.first - START, window.revision) for window in windows(cuts)]


def late_to(target: Sensor, component: str, first: int, stop: int, at: int) -> Cut:
    cut = target.accept(segment(component, first, stop), now(at))
    assert cut is not None
    return cut


def with_a_hole(target: Sensor, first: int, stop: int, end: int) -> list[Cut]:
    """Records up to ``end`` without ``first`` to ``stop`` - 1 of the vertical; waits are over."""
    records = [("Z", 0, first), ("Z", stop, end), ("N", 0, end), ("E", 0, end)]
    return [*feed(target, records, at=end), target.tick(now(end + 1000))]


def test_filled_windows_go_out_again_whole() -> None:
    target = Sensor(GROUP, RESENDING)
    first = with_a_hole(target, 350, 370, 700)
    assert sent(first) == [(0, 0), (100, 0), (200, 0), (300, 0)]
    assert [w.quality.gap_s for w in windows(first)] == [0, 0.2, 0.2, 0.2]
    cut = late_to(target, "Z", 350, 370, 1700)
    assert sent([cut]) == [(100, 1), (200, 1), (300, 1)]
    for window in cut.windows:
        begin = window.first - START
        np.testing.assert_array_equal(window.samples, TRUTH[:, begin : begin + 301])
        assert window.quality.complete
        assert window.arrival_ns == now(1700)
    assert (cut.counts[Reason.LATE], cut.counts[Reason.RESENT], cut.counts[Reason.CUT]) == (3, 3, 0)
    assert target.tick(now(9999)).windows == []


def test_windows_that_a_gap_withheld_go_out_when_it_fills() -> None:
    target = Sensor(GROUP, RESENDING)
    assert sent(with_a_hole(target, 350, 450, 700)) == [(0, 0)]
    assert sent([late_to(target, "Z", 350, 450, 1700)]) == [(100, 1), (200, 1), (300, 1)]


def test_records_of_a_late_burst_make_one_revision() -> None:
    target = Sensor(GROUP, RESENDING)
    with_a_hole(target, 350, 370, 700)
    cuts = [late_to(target, "Z", begin, begin + 5, 1700) for begin in (365, 350, 360, 355)]
    assert sent(cuts) == [(100, 1), (200, 1), (300, 1)]
    assert cuts[-1].windows != []


def test_what_stays_incomplete_goes_out_when_the_wait_is_over() -> None:
    target = Sensor(GROUP, RESENDING)
    with_a_hole(target, 350, 370, 700)
    assert late_to(target, "Z", 350, 360, 1700).windows == []
    assert target.tick(now(2699)).windows == []
    cut = target.tick(now(2700))
    assert sent([cut]) == [(100, 1), (200, 1), (300, 1)]
    assert {window.quality.gap_s for window in cut.windows} == {0.1}
    assert sent([late_to(target, "Z", 360, 370, 2800)]) == [(100, 2), (200, 2), (300, 2)]


def test_windows_that_begin_to_leave_the_ring_go_out_before() -> None:
    target = Sensor(GROUP, RESENDING)
    with_a_hole(target, 350, 370, 700)
    assert late_to(target, "Z", 350, 360, 1700).windows == []
    cut = late_to(target, "N", CAPACITY, CAPACITY + 150, 1701)
    assert (100, 1) in sent([cut])
    assert all(window.quality.gap_s == 0.1 for window in cut.windows if window.revision)


def test_a_window_that_cannot_be_read_whole_any_more_does_not_go_out_again() -> None:
    target = Sensor(GROUP, RESENDING)
    feed(target, [r for r in record_list(4000) if r != ("Z", 720, 840)])
    target.tick(now(5000))
    oldest = 4000 - CAPACITY
    cut = late_to(target, "Z", 720, 840, 5000)
    assert offsets([cut])[0] == -(-oldest // 100) * 100
    assert cut.counts[Reason.LATE] > cut.counts[Reason.RESENT] > 0


def test_without_the_key_they_are_counted_alone() -> None:
    target = Sensor(GROUP, replace(RESENDING, resend_late=False))
    with_a_hole(target, 350, 370, 700)
    cut = late_to(target, "Z", 350, 370, 1700)
    assert (cut.windows, cut.counts[Reason.LATE]) == ([], 3)


def test_a_sensor_that_stood_by_stays_silent() -> None:
    roster = Roster(Preference("preferred", ("HH",)), STALE_NS)
    best, other = Sensor(GROUP, RESENDING, roster=roster), replace(GROUP, band_source="BH")
    second = Sensor(other, RESENDING, roster=roster)
    feed(best, [("Z", 0, 1)])
    for component, first, stop in (("Z", 0, 350), ("Z", 370, 700), ("N", 0, 700), ("E", 0, 700)):
        one = segment(component, first, stop)
        second.accept(replace(one, source_id=replace(one.source_id, band="B")), now(700))
    assert second.tick(now(1700)).windows == []
    late = segment("Z", 350, 370)
    cut = second.accept(replace(late, source_id=replace(late.source_id, band="B")), now(1700))
    assert cut is not None
    assert (cut.windows, cut.counts[Reason.LATE]) == ([], 3)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_latest_revisions_are_the_windows_of_the_records_in_order(data: st.DataObject) -> None:
    records = record_list(1500)
    # Each may come up to 15 s later than its turn, half as much again as the wait.
    delays = data.draw(st.lists(st.integers(0, 1500), min_size=len(records), max_size=len(records)))
    late = sorted(zip(delays, records, strict=True), key=lambda one: one[0] + one[1][2])
    target = Sensor(GROUP, RESENDING)
    cuts = []
    for delay, (component, first, stop) in late:
        cuts.append(target.tick(now(stop + delay)))
        cuts += [late_to(target, component, first, stop, stop + delay)]
    latest = {window.first: window for window in windows(cuts)}
    in_order = {window.first: window for window in windows(feed(Sensor(GROUP, RESENDING), records))}
    assert latest.keys() == in_order.keys()
    for first, window in latest.items():
        np.testing.assert_array_equal(window.samples, in_order[first].samples)
        assert window.quality == in_order[first].quality
    numbers = sent(cuts)
    assert len(numbers) == len(set(numbers))

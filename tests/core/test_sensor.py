from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.sensor_cases import (
    CAPACITY,
    GROUP,
    OFF_NS,
    RULES,
    STALE_NS,
    START,
    TRUTH,
    feed,
    now,
    offsets,
    record_list,
    segment,
    sensor,
    windows,
)
from umamba_rt.core.cut import Cut
from umamba_rt.core.ids import SourceId
from umamba_rt.core.reasons import Reason
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S, SAMPLE_NS
from umamba_rt.core.window import WindowRules


def contents(cuts: Iterable[Cut]) -> list[tuple[int, bytes, str]]:
    return sorted((w.first, w.samples.tobytes(), repr(w.quality)) for w in windows(cuts))


def test_windows_lie_on_the_grid_and_hold_the_samples() -> None:
    cuts = feed(sensor(), record_list(1000))
    assert offsets(cuts) == [0, 100, 200, 300, 400, 500, 600]
    for window in windows(cuts):
        begin = window.first - START
        np.testing.assert_array_equal(window.samples, TRUTH[:, begin : begin + 301])
        assert (window.group, window.revision) == (GROUP, 0)
        assert window.quality.complete
        assert (window.quality.gap_s, window.quality.gap_count) == (0, 0)
        assert (window.quality.components, window.quality.native_rate_hz) == ("ZNE", 100.0)
    assert [cut.changes[0].state for cut in cuts if cut.changes] == ["online"]


def test_a_window_comes_with_its_last_sample() -> None:
    target = sensor()
    feed(target, [("Z", 0, 301), ("N", 0, 301), ("E", 0, 300)])
    (cut,) = feed(target, [("E", 300, 301)])
    assert offsets([cut]) == [0]
    assert cut.windows[0].arrival_ns == now(301)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_shuffled_records_give_the_same_windows(data: st.DataObject) -> None:
    records = record_list(1500)
    # Each may come up to 5 s, half the wait, later than its turn.
    delays = data.draw(st.lists(st.integers(0, 500), min_size=len(records), max_size=len(records)))
    shuffled = [
        r for _, r in sorted(zip(delays, records, strict=True), key=lambda x: x[0] + x[1][2])
    ]
    in_order, out_of_order = feed(sensor(), records), feed(sensor(), shuffled)
    assert contents(out_of_order) == contents(in_order)
    assert len(contents(in_order)) == 12
    assert (
        sum(cut.counts[Reason.LATE] + cut.counts[Reason.WITHHELD_GAP] for cut in out_of_order) == 0
    )


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_window_comes_twice_whatever_comes(data: st.DataObject) -> None:
    target = sensor()
    record = st.tuples(
        st.sampled_from("ZNE"), st.integers(-500, 3000), st.integers(1, 700), st.integers(0, 2000)
    )
    firsts: list[int] = []
    clock = now(0)
    for component, first, count, later in data.draw(st.lists(record, max_size=40)):
        clock += later * SAMPLE_NS
        cut = target.accept(segment(component, first, first + count), clock)
        assert cut is not None
        firsts += [w.first for c in (cut, target.tick(clock)) for w in c.windows]
        for window in cut.windows:
            assert np.isfinite(window.samples).all()
            assert window.quality.gap_s <= 0.5
    assert firsts == sorted(set(firsts))
    assert all(first % 100 == 0 for first in firsts)


@pytest.mark.parametrize("joined_at", [1, 37, 120, 151, 333])
def test_a_stream_joined_later_gives_the_windows_of_the_full_stream(joined_at: int) -> None:
    full = contents(feed(sensor(), record_list(1500)))
    joined = contents(feed(sensor(), record_list(1500, first=joined_at)))
    complete = [content for content in joined if content[0] >= START + joined_at]
    assert complete == [content for content in full if content[0] >= START + joined_at]
    # At most the one window that lacks no more than the largest gap comes before.
    assert len(joined) - len(complete) == (0 < (joined_at - 1) % 100 + 1 <= 50)


def test_a_lagging_component_is_waited_for_and_then_done_without() -> None:
    target = sensor()
    feed(target, [("Z", 0, 400), ("N", 0, 400), ("E", 0, 280)], at=400)
    assert target.tick(now(1399)) == Cut()
    cut = target.tick(now(1400))
    (window,) = cut.windows
    assert window.first == START
    np.testing.assert_array_equal(window.samples[2, 280:], np.full(21, TRUTH[2, 279]))
    quality = window.quality
    assert not quality.complete
    assert (quality.gap_s, quality.filled_s, quality.gap_count) == (0.21, 0.21, 1)
    assert window.arrival_ns == now(1400)
    assert target.tick(now(1500)).windows == []


def test_late_data_of_a_window_sent_are_counted_and_it_is_not_sent_again() -> None:
    target = sensor()
    feed(target, [("Z", 0, 400), ("N", 0, 400), ("E", 0, 280)], at=400)
    target.tick(now(1400))
    (cut,) = feed(target, [("E", 280, 400)], at=1401)
    assert (cut.counts[Reason.LATE], cut.windows) == (1, [])
    (cut,) = feed(target, [("E", 280, 400)], at=1402)
    assert (cut.counts[Reason.LATE], cut.counts[Reason.DUPLICATE]) == (0, 120)


def test_a_late_record_within_the_wait_fills_its_gap() -> None:
    target = sensor()
    cuts = feed(target, [r for r in record_list(720) if r != ("N", 120, 240)])
    assert offsets(cuts) == []
    (cut,) = feed(target, [("N", 120, 240)], at=900)
    assert offsets([cut]) == [0, 100, 200, 300, 400]
    assert all(w.quality.complete for w in cut.windows)
    assert cut.counts[Reason.LATE] == 0


def test_a_window_with_a_longer_gap_is_withheld_and_counted() -> None:
    target = sensor()
    without = [r for r in record_list(3000, length=60) if r != ("N", 480, 540)]
    cuts = feed(target, without)
    lacking = {
        first for first in range(0, 2700, 100) if first < 540 - 50 and first + 301 > 480 + 50
    }
    assert offsets(cuts) == sorted(set(range(0, 2700, 100)) - lacking)
    assert sum(cut.counts[Reason.WITHHELD_GAP] for cut in cuts) == len(lacking)
    states = [change.state for cut in cuts for change in cut.changes]
    assert states == ["online", "gap", "online"]
    # Only windows that end within the wait of the gap were late.
    for window in windows(cuts):
        delay = window.arrival_ns - now(window.first - START + 301)
        waited = RULES.max_wait_ns if window.first + 301 <= START + 540 + 1000 else 0
        assert delay <= waited + 60 * SAMPLE_NS  # the next record's length


def test_a_gap_up_to_the_limit_is_filled_and_flagged() -> None:
    target = sensor()
    without = [r for r in record_list(3000, length=50) if r != ("E", 500, 550)]
    cuts = feed(target, without)
    assert offsets(cuts) == list(range(0, 2700, 100))
    for window in windows(cuts):
        begin = window.first - START
        missing = max(0, min(begin + 301, 550) - max(begin, 500))
        assert window.quality.gap_s == window.quality.filled_s == missing / 100
        assert window.quality.complete is (missing == 0)
        assert np.isfinite(window.samples).all()


def test_windows_of_a_missing_component_are_withheld() -> None:
    target = sensor()
    cuts = feed(target, [r for r in record_list(2000) if r[0] != "N"])
    assert windows(cuts) == []
    assert (
        sum(cut.counts[Reason.WITHHELD_COMPONENT] for cut in cuts) == (2000 - 1000 - 301) // 100 + 1
    )
    (change,) = [change for cut in cuts for change in cut.changes]
    assert (change.state, change.detail) == ("incomplete", "components N of ZNE have not come")


def test_a_vertical_only_station_is_called_incomplete_after_the_wait() -> None:
    target = sensor()
    feed(target, [("Z", 0, 100)], at=100)
    assert target.tick(now(1100)).changes == []
    (change,) = target.tick(now(1101)).changes
    assert (change.state, change.since_ns) == ("incomplete", now(1101))
    assert target.tick(now(1102)).changes == []


def test_silence_is_called_stale_and_data_bring_the_station_back() -> None:
    target = sensor()
    assert target.tick(now(0)) == Cut()
    feed(target, record_list(600))
    assert target.tick(now(600) + STALE_NS).changes == []
    (change,) = target.tick(now(600) + STALE_NS + 1).changes
    assert (change.state, change.detail) == ("stale", f"no data for {STALE_NS / NS_PER_S:g} s")
    cuts = feed(target, record_list(8600, first=7000))
    states = [change.state for cut in cuts for change in cut.changes]
    assert states[-1] == "online"


@pytest.mark.parametrize("jump", [360_000, 36_500 * 86_400])
def test_a_jump_of_an_hour_or_of_a_year_costs_little(jump: int) -> None:
    target = sensor()
    feed(target, record_list(1000))
    after = START + jump
    source = [SourceId("CI", "CCC", "", "H", "H", code) for code in "ZNE"]
    began_s = time.process_time()
    cuts = []
    for number in range(0, 1200, 120):
        for index, source_id in enumerate(source):
            values = TRUTH[index, number : number + 120]
            found = Segment(source_id, (after + number) * SAMPLE_NS, 100.0, values)
            cut = target.accept(found, (after + number + 120) * SAMPLE_NS)
            assert cut is not None
            cuts.append(cut)
    assert time.process_time() - began_s < 1
    # The window that lacks one sample is filled. Two hold old samples and three hold new ones
    # besides too long a gap; those between hold none: silence is not counted.
    assert [w.first - after for w in windows(cuts)] == [700 - jump, *range(0, 900, 100)]
    assert sum(cut.counts[Reason.WITHHELD_GAP] for cut in cuts) == 2 + 3
    assert not any(cut.counts[Reason.WITHHELD_COMPONENT] for cut in cuts)


def test_a_first_record_of_1970_withholds_its_own_windows_alone() -> None:
    target = sensor()
    old = Segment(SourceId("CI", "CCC", "", "H", "H", "Z"), 3600 * NS_PER_S, 100.0, TRUTH[0, :400])
    cut = target.accept(old, now(0))
    assert cut is not None
    cuts = [cut, *feed(target, record_list(3000))]
    assert offsets(cuts) == list(range(0, 2700, 100))
    # Four seconds of 1970, without N and E; three windows of today begin before its first sample.
    counts = sum((cut.counts for cut in cuts), Counter())
    assert counts[Reason.WITHHELD_COMPONENT] == 4
    assert counts[Reason.WITHHELD_GAP] == 3


def test_a_record_longer_than_the_ring_does_not_loop_over_its_windows() -> None:
    target = sensor(WindowRules(length=301, hop=1, max_wait_ns=10 * NS_PER_S, max_gap=0))
    feed(target, record_list(400))
    began_s = time.process_time()
    (cut,) = feed(target, [("Z", 400, 900_000)])
    assert time.process_time() - began_s < 2
    assert cut.counts[Reason.TOO_OLD] == 900_000 - 400 - CAPACITY
    # 100 windows of the old data and the wait-less ones of the newest record.
    assert cut.counts[Reason.WITHHELD_GAP] > 890_000
    assert cut.windows == []


def test_windows_whose_samples_must_go_are_cut_before() -> None:
    rules = WindowRules(length=301, hop=100, max_wait_ns=10**18, max_gap=50)
    target = sensor(rules)
    cuts = feed(target, [("Z", 0, 400), ("N", 0, 400), ("E", 0, 290), ("Z", 400, 3300)], at=0)
    assert offsets(cuts) == []
    cuts = feed(target, [("Z", 3300, 3302)], at=0)
    assert offsets(cuts) == [0]
    assert not windows(cuts)[0].quality.complete


def test_samples_older_than_the_ring_are_counted_and_make_no_window() -> None:
    target = sensor()
    (cut,) = feed(target, [("Z", 0, 120)])
    (old,) = feed(target, [("N", -9000, -8900)], at=120)
    assert (cut.counts[Reason.TOO_OLD], old.counts[Reason.TOO_OLD]) == (0, 100)
    # Windows that lie before any sample do not exist.
    assert target.tick(now(99_999)).counts[Reason.WITHHELD_COMPONENT] == 0
    assert target._schedule.next_first == START


def test_missing_numbers_are_counted_as_such() -> None:
    source_id = SourceId("CI", "CCC", "", "H", "H", "Z")
    values = np.array([1, np.nan, 3, np.inf], np.float32)
    cut = sensor().accept(Segment(source_id, now(0), 100.0, values), now(4))
    assert cut is not None
    assert cut.counts[Reason.NOT_A_NUMBER] == 2


def test_duplicates_and_conflicts_are_counted() -> None:
    target = sensor()
    feed(target, [("Z", 0, 120)])
    (cut,) = feed(target, [("Z", 0, 120)])
    assert (cut.counts[Reason.DUPLICATE], cut.counts[Reason.CONFLICTING]) == (120, 0)
    source_id = SourceId("CI", "CCC", "", "H", "H", "Z")
    values = TRUTH[0, 0:120] + 1
    conflict = target.accept(Segment(source_id, now(0) - OFF_NS, 100.0, values), now(120))
    assert conflict is not None
    assert (conflict.counts[Reason.DUPLICATE], conflict.counts[Reason.CONFLICTING]) == (0, 120)


def test_z_1_2_makes_a_sensor_and_a_surplus_channel_does_not() -> None:
    target = sensor()
    cuts = feed(
        target, [(code, a, b) for c, a, b in record_list(400) for code in "Z12"["ZNE".find(c)]]
    )
    assert offsets(cuts) == [0]
    assert windows(cuts)[0].quality.components == "Z12"
    assert target.accept(segment("N", 400, 500), now(500)) is None
    assert target.accept(segment("0", 400, 500), now(500)) is None


def test_what_was_reached_stays_bounded_over_a_long_run() -> None:
    target = sensor()
    most = 0
    for record in record_list(100_000, length=20):
        feed(target, [record])
        most = max(most, len(target._schedule._reached))
    # As many as there are ends of records in a window and a hop.
    assert most <= (301 + 100) // 20 + 2


def test_a_resumed_sensor_goes_on_behind_the_last_window() -> None:
    target = sensor()
    assert target.next_first is None
    target.resume_after(START + 200)
    assert offsets(feed(target, record_list(1000))) == [300, 400, 500, 600]
    assert target.next_first == START + 700

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from umamba_rt.core.ids import GroupId
from umamba_rt.core.quality import Quality
from umamba_rt.core.window import Window, WindowRules, WindowSchedule

RULES = WindowRules(length=301, hop=100, max_wait_ns=1000, max_gap=50)


def all_missing(first: int) -> int:
    return first + RULES.length


def none_missing(first: int) -> int:
    return first


def test_a_window_knows_its_times() -> None:
    quality = Quality(0, 0, 0, False, None, 100, "ZNE", True)
    window = Window(GroupId("A", "B", "", "HH"), 200, np.zeros((3, 3001), np.float32), quality, 7)
    assert (window.start_ns, window.end_ns) == (2 * 10**9, 32 * 10**9)
    assert window.revision == 0


@pytest.mark.parametrize(
    ("first", "next_first"), [(0, 0), (50, 0), (51, 100), (-20, 0), (150, 100)]
)
def test_the_first_window_may_lack_the_largest_gap(first: int, next_first: int) -> None:
    schedule = WindowSchedule(RULES)
    assert schedule.next_first is None
    assert list(schedule.due(none_missing, 0)) == []
    schedule.saw(first, first + 10, 0)
    assert schedule.next_first == next_first


def test_earlier_samples_move_the_first_window_back_until_one_is_decided() -> None:
    schedule = WindowSchedule(RULES)
    schedule.saw(1000, 1100, 0)
    schedule.saw(800, 900, 0)
    assert schedule.next_first == 800
    assert list(schedule.before(801)) == [800]
    schedule.saw(0, 100, 0)
    assert schedule.next_first == 900


def test_complete_windows_are_due_at_once_and_in_order() -> None:
    schedule = WindowSchedule(RULES)
    schedule.saw(0, 520, 0)
    due = schedule.due(lambda first: first if first + 301 <= 520 else first + 301, 0)
    assert list(due) == [0, 100, 200]
    assert schedule.next_first == 300


def test_a_window_waits_for_what_it_lacks_and_no_longer() -> None:
    schedule = WindowSchedule(RULES)
    schedule.saw(0, 250, 10)
    schedule.saw(250, 301, 500)
    assert list(schedule.due(all_missing, 1499)) == []
    assert list(schedule.due(all_missing, 1500)) == [0]
    assert list(schedule.due(all_missing, 10**9)) == []


def test_a_gap_is_waited_for_from_when_it_was_passed() -> None:
    schedule = WindowSchedule(RULES)
    schedule.saw(0, 150, 0)
    schedule.saw(160, 250, 100)
    schedule.saw(250, 301, 900)
    stop = 301

    def lacks_150_to_159(first: int) -> int:
        return 160 if first + 301 <= stop else first + 301

    # Waited for since 100, when samples beyond them came.
    assert list(schedule.due(lacks_150_to_159, 1099)) == []
    assert list(schedule.due(lacks_150_to_159, 1100)) == [0]
    # The wait is over: the next window needs no other, once its own end is there.
    schedule.saw(301, 401, 1101)
    stop = 401
    assert list(schedule.due(lacks_150_to_159, 1101)) == [100]


def test_without_a_wait_the_first_component_decides() -> None:
    schedule = WindowSchedule(WindowRules(301, 100, 0, 50))
    schedule.saw(0, 301, 5)
    assert list(schedule.due(all_missing, 5)) == [0]


@pytest.mark.parametrize(("last", "following"), [(300, 400), (301, 400), (399, 400), (-1, 0)])
def test_a_resumed_schedule_goes_on_behind_the_last_window(last: int, following: int) -> None:
    schedule = WindowSchedule(RULES)
    schedule.resume_after(last)
    schedule.resume_after(last - 500)  # an older note changes nothing
    schedule.saw(0, 900, 0)
    assert schedule.next_first == following
    schedule.saw(-500, 0, 0)  # nor do older samples
    assert schedule.next_first == following
    assert not schedule.decided_over(0, 300)
    due = schedule.due(lambda first: first if first + 301 <= 900 else first + 301, 0)
    assert list(due) == list(range(following, 600, 100))


def test_a_resumed_schedule_whose_samples_come_later_begins_with_them() -> None:
    schedule = WindowSchedule(RULES)
    schedule.resume_after(0)
    schedule.saw(1000, 1100, 0)
    assert schedule.next_first == 1000
    schedule.resume_after(1200)
    assert schedule.next_first == 1300


def test_windows_passed_over_are_counted() -> None:
    schedule = WindowSchedule(RULES)
    assert schedule.skip_to(500) == 0
    schedule.saw(0, 10, 0)
    assert schedule.skip_to(0) == 0
    assert schedule.skip_to(101) == 2
    assert schedule.next_first == 200
    year = 100 * 86400 * 365
    assert schedule.skip_to(200 + year) == year // 100


def test_late_samples_count_the_windows_that_they_would_change() -> None:
    schedule = WindowSchedule(RULES)
    assert not schedule.decided_over(0, 10)
    schedule.saw(1000, 1010, 0)
    assert not schedule.decided_over(1000, 1010)
    assert list(schedule.before(1500)) == [1000, 1100, 1200, 1300, 1400]
    every = [range(first, first + 301) for first in (1000, 1100, 1200, 1300, 1400)]
    for first in range(600, 1900, 7):
        for count in (1, 50, 400):
            expected = sum(w.start < first + count and first < w.stop for w in every)
            assert len(schedule.decided_over(first, first + count)) == expected


class ScheduleAgainstSet(RuleBasedStateMachine):
    """Each window once, in order, on the grid, and no sooner or later than it is due."""

    @initialize(wait=st.sampled_from([0, 5, 50]))
    def start(self, wait: int) -> None:
        self.limits = WindowRules(length=31, hop=10, max_wait_ns=wait, max_gap=3)
        self.schedule = WindowSchedule(self.limits)
        self.there: set[int] = set()
        self.passed: dict[int, int] = {}
        self.handed_out: list[int] = []
        self.now = 0

    def missing_stop(self, first: int) -> int:
        missing = [i for i in range(first, first + self.limits.length) if i not in self.there]
        return missing[-1] + 1 if missing else first

    @rule(offset=st.integers(-40, 25), count=st.integers(1, 30), later=st.integers(0, 9))
    def samples_come(self, offset: int, count: int, later: int) -> None:
        self.now += later
        first = max(self.there, default=1000) + offset
        self.there.update(range(first, first + count))
        self.schedule.saw(first, first + count, self.now)
        for index in range(max(self.passed, default=900), first + count):
            self.passed.setdefault(index, self.now)
        self.take()

    @rule(later=st.integers(0, 60))
    def time_goes_by(self, later: int) -> None:
        self.now += later
        self.take()

    @rule(ahead=st.integers(1, 60))
    def room_is_made(self, ahead: int) -> None:
        if self.schedule.next_first is not None:
            self.note(list(self.schedule.before(self.schedule.next_first + ahead)))

    def take(self) -> None:
        due = list(self.schedule.due(self.missing_stop, self.now))
        self.note(due)
        for first in due:
            assert self.is_due(first)
        following = self.schedule.next_first
        assert following is not None or not self.there
        assert following is None or not self.is_due(following)

    def is_due(self, first: int) -> bool:
        lacking = self.missing_stop(first)
        since = self.passed.get(lacking - 1)
        waited = since is not None and since + self.limits.max_wait_ns <= self.now
        return lacking == first or waited

    def note(self, firsts: list[int]) -> None:
        self.handed_out += firsts
        assert self.handed_out == sorted(set(self.handed_out))
        assert all(first % self.limits.hop == 0 for first in firsts)
        ends = [stop for stop, _ in self.schedule._reached]
        assert ends == sorted(set(ends))


ScheduleAgainstSet.TestCase.settings = settings(max_examples=150, deadline=None)
TestScheduleAgainstSet = ScheduleAgainstSet.TestCase


def test_a_long_run_keeps_the_memory_of_what_was_reached_short() -> None:
    schedule = WindowSchedule(RULES)
    newest = 0

    def missing_stop(first: int) -> int:
        return first if first + RULES.length <= newest else first + RULES.length

    handed_out, most = 0, 0
    for number in range(5000):
        newest += 10
        schedule.saw(newest - 10, newest, number)
        handed_out += len(list(schedule.due(missing_stop, number)))
        most = max(most, len(schedule._reached))
    assert handed_out == (50_000 - 301) // 100 + 1
    assert most <= (RULES.length + RULES.hop) // 10 + 1

"""Channels, ring and schedule against a plain dict of samples: jumps, overlaps and restarts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from umamba_rt.core.ids import GroupId, SourceId
from umamba_rt.core.pipeline import Pipeline, PipelineSettings
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S, SAMPLE_NS, ceil_to
from umamba_rt.core.window import Window

BASE = 156_225_900_000  # a whole second, as a grid index
GROUP = GroupId("CI", "CCC", "", "HH")
SMALL = PipelineSettings(
    length_s=1.0, hop_s=0.5, max_wait_s=0.8, max_gap_s=0.05, slack_s=0.7, max_future_s=None
)
LENGTH, HOP, GAP, WAIT_NS = 101, 50, 5, 800_000_000
CAPACITY = SMALL.capacity


def segment(component: int, first: int, values: list[int], off_ns: int = 0) -> Segment:
    source_id = SourceId("CI", "CCC", "", "H", "H", "ZNE"[component])
    return Segment(source_id, first * SAMPLE_NS + off_ns, 100.0, np.array(values, np.int32))


@dataclass
class Model:
    """What the core promises, in dicts and loops."""

    floor: int | None = None
    samples: dict[tuple[int, int], int] = field(default_factory=dict)
    come: set[int] = field(default_factory=set)  # components
    stop: int | None = None
    reached: list[tuple[int, int]] = field(default_factory=list)  # every end, and when it came
    following: int | None = None
    decided: bool = False
    emitted: list[tuple[int, int]] = field(default_factory=list)  # first sample, most missing

    def put(self, component: int, first: int, values: list[int], now: int) -> None:
        end = first + len(values)
        self.come.add(component)
        if self.stop is not None:
            self.make_room(first, end)
        self.stop = end if self.stop is None else max(self.stop, end)
        start = self.stop - CAPACITY
        self.samples = {key: value for key, value in self.samples.items() if key[1] >= start}
        for index, value in enumerate(values, first):
            if index >= start:
                self.samples.setdefault((component, index), value)
        if end > start:
            self.saw(max(first, start), end, now)
        self.take_due(now)

    def make_room(self, first: int, end: int) -> None:
        """Windows whose samples go are decided on what is there; those of a silence are none."""
        limit = end - CAPACITY
        while self.following is not None and self.following < limit:
            if self.following >= (self.stop or 0):
                reach = min(limit, max(limit, first) - GAP)
                self.following = max(self.following + HOP, ceil_to(reach, HOP))
                self.decided = True
                return
            self.decide()

    def saw(self, first: int, end: int, now: int) -> None:
        candidate = ceil_to(first - GAP, HOP)
        if self.floor is not None:
            candidate = max(candidate, ceil_to(self.floor + 1, HOP))
        if self.following is None or (not self.decided and candidate < self.following):
            self.following = candidate
        self.reached.append((end, now))

    def take_due(self, now: int) -> None:
        while self.following is not None:
            lacking = self.lacking(self.following)
            since = min((came for end, came in self.reached if end >= lacking), default=None)
            if lacking > self.following and (since is None or since + WAIT_NS > now):
                return
            self.decide()

    def lacking(self, first: int) -> int:
        for index in range(first + LENGTH, first, -1):
            if any((component, index - 1) not in self.samples for component in range(3)):
                return index
        return first

    def decide(self) -> None:
        assert self.following is not None
        span = range(self.following, self.following + LENGTH)
        missing = [sum((c, index) not in self.samples for index in span) for c in range(3)]
        if len(self.come) == 3 and max(missing) <= GAP:
            self.emitted.append((self.following, max(missing)))
        self.following += HOP
        self.decided = True


class WindowsAgainstDict(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.pipeline, self.model = Pipeline(SMALL), Model()
        self.now = BASE * SAMPLE_NS
        self.windows: list[Window] = []
        self.handed_out: list[int] = []

    def put(self, component: int, first: int, values: list[int], off_ns: int = 0) -> None:
        before = dict(self.model.samples)
        found = self.pipeline.accept(segment(component, first, values, off_ns), self.now).windows
        self.model.put(component, first, values, self.now)
        self.compare(found, before)

    def compare(self, found: list[Window], before: dict[tuple[int, int], int]) -> None:
        expected, self.model.emitted = self.model.emitted, []
        shown = [(window.first, round(window.quality.gap_s * 100)) for window in found]
        assert shown == expected
        known = before | self.model.samples
        for window in found:
            assert np.isfinite(window.samples).all()
            for component in range(3):
                for offset, value in enumerate(window.samples[component].tolist()):
                    index = (component, window.first + offset)
                    assert value == known.get(index, value)
        self.handed_out += [window.first for window in found]
        assert self.handed_out == sorted(set(self.handed_out))
        assert all(first % HOP == 0 for first in self.handed_out)

    @rule(
        lengths=st.lists(st.integers(1, 90), min_size=3, max_size=3),
        later=st.integers(0, 60),
        gap=st.sampled_from([0, 0, 0, 0, 2, 5, 6, 40]),
        off_ns=st.integers(-SAMPLE_NS // 5, SAMPLE_NS // 5),
    )
    def records_come(self, lengths: list[int], later: int, gap: int, off_ns: int) -> None:
        """All components go on, one after the other; time goes by with them."""
        self.now += later * SAMPLE_NS
        begin = (BASE if self.model.stop is None else self.model.stop) + gap
        for component, length in enumerate(lengths):
            newest = [i for c, i in self.model.samples if c == component and i < begin]
            first = max(newest) + 1 + gap if newest else begin
            self.put(component, first, list(range(first % 1000, first % 1000 + length)), off_ns)

    @rule(
        component=st.integers(0, 2),
        offset=st.integers(-200, 30),
        values=st.lists(st.integers(0, 3), min_size=1, max_size=120),
    )
    def a_record_comes_at_any_place(self, component: int, offset: int, values: list[int]) -> None:
        """Late, an overlap, a duplicate, another value, or ahead."""
        self.put(component, (self.model.stop or BASE) + offset, values)

    @rule(component=st.integers(0, 2), jump=st.sampled_from([-(10**7), -500, 150, 400, 10**7]))
    def time_jumps(self, component: int, jump: int) -> None:
        self.put(component, (self.model.stop or BASE) + jump, [1] * 60)

    @rule(later=st.integers(0, 200))
    def time_goes_by(self, later: int) -> None:
        self.now += later * SAMPLE_NS
        found = self.pipeline.tick(self.now).windows
        self.model.take_due(self.now)
        self.compare(found, dict(self.model.samples))

    @precondition(lambda self: bool(self.handed_out) and self.model.stop is not None)
    @rule(kept=st.integers(0, 300))
    def restart(self, kept: int) -> None:
        """A new core is told the last window, and refilled from a later point."""
        assert self.model.stop is not None
        last, oldest = self.handed_out[-1], self.model.stop - kept
        refill: list[tuple[int, int, list[int]]] = []
        for (component, index), value in sorted(self.model.samples.items()):
            if index < oldest:
                continue
            if refill and refill[-1][:2] == (component, index - len(refill[-1][2])):
                refill[-1][2].append(value)
            else:
                refill.append((component, index, [value]))
        self.pipeline, self.model = Pipeline(SMALL), Model(floor=last)
        self.pipeline.resume_after(GROUP, last)
        for component, index, values in sorted(refill, key=lambda record: record[1]):
            self.put(component, index, values)


WindowsAgainstDict.TestCase.settings = settings(
    max_examples=80, stateful_step_count=30, deadline=None
)
TestWindowsAgainstDict = WindowsAgainstDict.TestCase


def stream(rate_hz: float, dropped: set[int]) -> list[Segment]:
    """20 s of three components in records of about a second, some of them lost on their way."""
    length = int(rate_hz)
    truth = np.random.default_rng(4).integers(-999, 999, (3, 20 * length)).astype(np.int32)
    found = []
    for number in range(60):
        begin, component = number // 3 * length, number % 3
        if number not in dropped:
            source_id = SourceId("CI", "CCC", "", "H", "H", "ZNE"[component])
            start_ns = BASE * SAMPLE_NS + 1_986_000 + round(begin * 1e6 / rate_hz) * 1000
            samples = truth[component, begin : begin + length]
            found.append(Segment(source_id, start_ns, rate_hz, samples))
    return found


def run(pipeline: Pipeline, segments: list[Segment]) -> list[tuple[int, bytes, str]]:
    windows = [window for one in segments for window in pipeline.accept(one, one.end_ns).windows]
    return [(window.first, window.samples.tobytes(), repr(window.quality)) for window in windows]


@settings(max_examples=40, deadline=None)
@given(
    rate_hz=st.sampled_from([100.0, 100.0, 50.0, 40.0, 200.0]),
    dropped=st.sets(st.integers(0, 59), max_size=4),
    killed_at=st.integers(1, 59),
    margin_s=st.floats(1.7, 4.0),
)
def test_a_killed_run_and_the_one_after_it_give_every_window_once(
    rate_hz: float, dropped: set[int], killed_at: int, margin_s: float
) -> None:
    rules = PipelineSettings(
        length_s=2.0, hop_s=0.5, max_wait_s=2.0, reorder_s=2.0, slack_s=10.0, max_future_s=None
    )
    segments = stream(rate_hz, dropped)
    expected = run(Pipeline(rules), segments)
    before = run(Pipeline(rules), segments[:killed_at])
    again = Pipeline(rules)
    refill_ns = 0
    if before:
        last = before[-1][0]
        again.resume_after(GROUP, last)
        # From half a filter (1.5 s at 20 Hz) before the next window on.
        refill_ns = (last + HOP) * SAMPLE_NS - round(margin_s * NS_PER_S)
    later = run(again, [one for one in segments if one.end_ns >= refill_ns])
    assert [first for first, _, _ in before + later] == sorted(
        {first for first, _, _ in before + later}
    )
    assert {*before, *later} == {*expected}

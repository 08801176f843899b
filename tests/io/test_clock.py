"""io/clock.py, and the core that runs by it: clock steps neither stall it nor flood it."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.support import START_NS, records_of
from umamba_rt.core.pipeline import Pipeline, PipelineSettings
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.core.window import Window
from umamba_rt.ingest import Ingest
from umamba_rt.io.clock import SteadyClock


class Machine:
    """A machine's two clocks, which only the test moves."""

    def __init__(self) -> None:
        self.boot_ns = 5 * NS_PER_S
        self.wall_ns = START_NS

    def pass_s(self, seconds: float) -> None:
        self.boot_ns += round(seconds * NS_PER_S)
        self.wall_ns += round(seconds * NS_PER_S)

    def step_s(self, seconds: float) -> None:
        self.wall_ns += round(seconds * NS_PER_S)

    def clock(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall_ns, lambda: self.boot_ns)


def test_slewing_and_sleep_are_followed_and_a_step_is_not() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.pass_s(1)
    machine.step_s(0.001)
    assert clock.now_ns() == machine.wall_ns
    machine.pass_s(3600)  # asleep
    assert clock.now_ns() == machine.wall_ns
    assert clock.steps == 0
    before_ns = clock.now_ns()
    with capture_logs() as logs:
        machine.step_s(-600)
        assert clock.now_ns() == before_ns
        assert clock.utc_ns() == machine.wall_ns
        assert clock.latest_ns() == before_ns
        machine.step_s(4200)
        machine.pass_s(1)
        assert clock.now_ns() == before_ns + NS_PER_S
        assert clock.latest_ns() == clock.utc_ns() == machine.wall_ns
    assert [entry["by_s"] for entry in logs] == [-600, 4200]


def test_clock_never_goes_back_when_it_is_slewed_back() -> None:
    machine = Machine()
    clock = machine.clock()
    before_ns = clock.now_ns()
    machine.step_s(-0.2)
    assert clock.now_ns() == before_ns
    assert clock.steps == 0


def live_windows(steps: dict[int, float]) -> tuple[list[Window], Ingest]:
    """A station with a missing record, live; the clock is stepped at these seconds."""
    machine = Machine()
    records = records_of(seconds=100)
    lost = next(
        one
        for one in records
        if one.source_id.subsource == "N" and one.start_ns > START_NS + 45 * NS_PER_S
    )
    records.remove(lost)
    ingest = Ingest(Pipeline(PipelineSettings()), machine.clock())
    windows: list[Window] = []
    for second in range(130):
        machine.step_s(steps.get(second, 0.0))
        due_ns = START_NS + second * NS_PER_S
        while records and records[0].end_ns <= due_ns:
            windows += ingest.record(records.pop(0).payload, source="test").windows
        windows += ingest.tick().windows
        machine.pass_s(1)
    return windows, ingest


@pytest.mark.parametrize(
    "steps",
    [{50: -600.0}, {50: 600.0}, {20: 3600.0, 70: -3600.0}, {47: -5.0, 48: 5.0, 80: -86400.0}],
    ids=str,
)
def test_steps_change_no_window_and_no_time_of_one(steps: dict[int, float]) -> None:
    expected, undisturbed = live_windows({})
    found, ingest = live_windows(steps)
    assert len(expected) > 20
    assert [one.first for one in found] == [one.first for one in expected]
    assert ingest.pipeline.counts == undisturbed.pipeline.counts
    total_ns = round(sum(steps.values()) * NS_PER_S)
    assert found[-1].arrival_ns == expected[-1].arrival_ns + total_ns

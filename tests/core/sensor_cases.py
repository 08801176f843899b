"""A sensor, records of known samples, and what comes of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from umamba_rt.core.cut import Cut
from umamba_rt.core.ids import GroupId, SourceId
from umamba_rt.core.segment import Segment
from umamba_rt.core.sensor import Sensor
from umamba_rt.core.sensor_rules import SensorRules
from umamba_rt.core.timebase import NS_PER_S, SAMPLE_NS
from umamba_rt.core.window import Window, WindowRules

START = 156_225_900_000  # a whole second, as a grid index
OFF_NS = 2_014_000  # Ridgecrest's samples lie 2 ms before the grid
RULES = WindowRules(length=301, hop=100, max_wait_ns=10 * NS_PER_S, max_gap=50)
CAPACITY = RULES.length + 3000
STALE_NS = 60 * NS_PER_S
GROUP = GroupId("CI", "CCC", "", "HH")
TRUTH = np.random.default_rng(11).integers(-9999, 9999, (3, 4000)).astype(np.int32)


def sensor(rules: WindowRules = RULES) -> Sensor:
    return Sensor(GROUP, SensorRules(rules, CAPACITY, STALE_NS))


def segment(component: str, first: int, stop: int, *, rate_hz: float = 100.0) -> Segment:
    """Samples ``first`` to ``stop`` - 1 of the truth, counted from the start."""
    source_id = SourceId("CI", "CCC", "", "H", "H", component)
    values = TRUTH["ZNE".find(component) if component in "ZNE" else int(component)]
    start_ns = (START + first) * SAMPLE_NS - OFF_NS
    return Segment(source_id, start_ns, rate_hz, np.take(values, range(first, stop), mode="wrap"))


def now(index: int) -> int:
    """The clock when the sample at an index has just been recorded."""
    return (START + index) * SAMPLE_NS


def feed(
    target: Sensor, records: Iterable[tuple[str, int, int]], at: int | None = None
) -> list[Cut]:
    """Give records in their order; the clock follows the newest, or stands at ``at``."""
    cuts = []
    newest = 0
    for component, first, stop in records:
        newest = max(newest, stop)
        cut = target.accept(segment(component, first, stop), now(newest if at is None else at))
        assert cut is not None
        cuts.append(cut)
    return cuts


def windows(cuts: Iterable[Cut]) -> list[Window]:
    return [window for cut in cuts for window in cut.windows]


def offsets(cuts: Iterable[Cut]) -> list[int]:
    return [window.first - START for window in windows(cuts)]


def record_list(stop: int, length: int = 120, first: int = 0) -> list[tuple[str, int, int]]:
    return [
        (component, begin, min(begin + length, stop))
        for begin in range(first, stop, length)
        for component in "ZNE"
    ]

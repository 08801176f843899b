"""core/sensor_facts.py: gaps of a ring, and what a sensor tells of itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.ids import SourceId
from umamba_rt.core.pipeline import Pipeline, PipelineSettings
from umamba_rt.core.segment import Segment
from umamba_rt.core.sensor_facts import RecentGaps, recent_gaps

NS = 10**9
START_S = 1_600_000_000


def held(*rows: str) -> RecentGaps:
    """Gaps of a ring drawn with ``#`` for a sample and ``.`` for none."""
    drawn = [[np.nan if mark == "." else 1.0 for mark in row] for row in rows]
    return recent_gaps(np.array(drawn, np.float32))


@pytest.mark.parametrize(
    ("rows", "gaps"),
    [
        (("....", "....", "...."), RecentGaps(0.0, 0, 0.0)),
        (("####", "####", "####"), RecentGaps(0.03, 0, 0.0)),
        (("..##", ".##.", "...."), RecentGaps(0.02, 0, 0.0)),
        (("#.##", "#..#", "#.#."), RecentGaps(0.03, 3, 0.02)),
        (("#.#.#.", "......", "......"), RecentGaps(0.04, 2, 0.02)),
    ],
)
def test_gaps_lie_between_a_component_s_own_samples(
    rows: tuple[str, ...], gaps: RecentGaps
) -> None:
    assert held(*rows) == gaps


@given(st.lists(st.text("#.", min_size=12, max_size=12), min_size=3, max_size=3))
def test_gaps_are_those_that_text_shows(rows: list[str]) -> None:
    inner = [row.strip(".") for row in rows]
    found = held(*rows)
    assert found.count == sum(len([run for run in row.split("#") if run]) for row in inner)
    assert found.missing_s == pytest.approx(max(row.count(".") for row in inner) / 100)


def segment(component: str, start_s: float, seconds: float, rate_hz: float = 100.0) -> Segment:
    samples = np.arange(round(seconds * rate_hz), dtype=np.int32)
    start_ns = round((START_S + start_s) * NS)
    return Segment(SourceId("AA", "ONE", "", "H", "H", component), start_ns, rate_hz, samples)


def test_sensor_tells_what_came_of_it() -> None:
    pipeline = Pipeline(PipelineSettings())
    now_ns = (START_S + 40) * NS
    for component in "ZNE":
        pipeline.accept(segment(component, 0, 32), now_ns)
        pipeline.accept(segment(component, 32 if component == "Z" else 34, 3), now_ns)
    (sensor,) = pipeline.sensors.values()
    facts = sensor.facts()
    assert str(facts.group) == "AA.ONE.--.HH"
    assert facts.components == "ZNE"
    assert facts.rate_hz == 100.0
    assert facts.last_sample_ns == (START_S + 37) * NS - NS // 100
    assert facts.last_arrival_ns == now_ns
    assert facts.state is not None
    assert facts.state.state == "online"
    assert facts.gaps == RecentGaps(36.99, 2, 2.0)
    assert facts.counts == {"windows_cut": 2}
    assert facts.counts.items() <= pipeline.counts.items()


def test_sensor_whose_channels_are_refused_tells_of_its_state_alone() -> None:
    pipeline = Pipeline(PipelineSettings())
    pipeline.accept(segment("Z", 0, 1000, rate_hz=0.1), START_S * NS + 1000 * NS)
    (sensor,) = pipeline.sensors.values()
    facts = sensor.facts()
    assert (facts.rate_hz, facts.last_sample_ns, facts.last_arrival_ns) == (None, None, None)
    assert (facts.components, facts.gaps) == ("", RecentGaps(0.0, 0, 0.0))
    assert facts.state is not None
    assert facts.state.state == "refused"


def test_counts_of_sensors_add_up_to_the_pipeline_s() -> None:
    pipeline = Pipeline(PipelineSettings())
    now_ns = (START_S + 100) * NS
    for start_s in (0, 40, 40, 80):
        for component in "ZNE":
            pipeline.accept(segment(component, start_s, 35), now_ns)
    pipeline.tick(now_ns + 60 * NS)
    (sensor,) = pipeline.sensors.values()
    of_sensors = {str(name): n for name, n in pipeline.counts.items() if name != "segments"}
    assert sensor.facts().counts == of_sensors
    assert of_sensors["windows_withheld_gap"] > 0
    assert of_sensors["samples_duplicate"] == 3 * 3500

"""core/pipeline.py: which sensors of a station are served, and who stands in for a silent one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from umamba_rt.core.ids import SourceId
from umamba_rt.core.inventory import EMPTY
from umamba_rt.core.pipeline import Outcome, Pipeline, PipelineSettings
from umamba_rt.core.preference import Preference, Serve
from umamba_rt.core.reasons import Reason
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import SAMPLE_NS

START = 156_225_900_000
TRUTH = np.random.default_rng(4).integers(-999, 999, 40_000).astype(np.int32)
PREFER = ("HH", "BH", "HN")


def settings_of(serve: Serve, *serve_all: str) -> PipelineSettings:
    preference = Preference(serve, PREFER, serve_all)
    return PipelineSettings(length_s=3.0, stale_after_s=20.0, preference=preference)


def now(index: int) -> int:
    return (START + index) * SAMPLE_NS


def feed(
    pipeline: Pipeline, sensors: Iterable[str], first: int, stop: int, components: str = "ZNE"
) -> Outcome:
    """Second by second, all channels of all sensors, with the ticks that a replay gives."""
    everything = Outcome()
    for begin in range(first, stop, 100):
        for sensor in sensors:
            for code in components:
                source_id = SourceId.from_nslc("CI", "CCC", "", sensor + code)
                samples = TRUTH[begin : begin + 100]
                found = Segment(source_id, now(begin), 100.0, samples)
                collect(everything, pipeline.accept(found, now(begin + 100)))
        collect(everything, pipeline.tick(now(begin + 100)))
    return everything


def collect(everything: Outcome, more: Outcome) -> None:
    everything.windows.extend(more.windows)
    everything.changes.extend(more.changes)


def sent(outcome: Outcome) -> dict[str, list[int]]:
    """First indices of the windows of each sensor."""
    firsts: dict[str, list[int]] = {}
    for window in outcome.windows:
        firsts.setdefault(window.group.band_source, []).append(window.first - START)
    return firsts


def states(outcome: Outcome) -> list[tuple[str, str]]:
    return [(change.group.band_source, change.state) for change in outcome.changes]


ALL = list(range(0, 700, 100))


@pytest.mark.parametrize(
    ("serve", "serve_all", "served"),
    [
        ("all", (), ("HH", "BH", "HN")),
        ("preferred", (), ("HH",)),
        ("per-instrument", (), ("HH", "HN")),
        ("preferred", ("CI_*",), ("HH", "BH", "HN")),
    ],
)
@pytest.mark.parametrize("order", [("HH", "BH", "HN"), ("HN", "BH", "HH")])
def test_the_rule_says_which_sensors_of_a_station_are_served(
    serve: Serve, serve_all: tuple[str, ...], served: tuple[str, ...], order: tuple[str, ...]
) -> None:
    pipeline = Pipeline(settings_of(serve, *serve_all))
    outcome = feed(pipeline, order, 0, 1000)
    assert sent(outcome) == dict.fromkeys(served, ALL)
    expected = {(name, "online" if name in served else "standby") for name in order}
    assert set(states(outcome)) == expected
    assert len(outcome.changes) == 3
    assert pipeline.counts[Reason.CUT] == 7 * len(served)
    assert pipeline.counts[Reason.STANDBY] == 7 * (3 - len(served))


def test_a_silent_sensor_is_replaced_and_takes_its_place_again() -> None:
    pipeline = Pipeline(settings_of("preferred"))
    assert sent(feed(pipeline, ("HH", "HN"), 0, 1000)) == {"HH": ALL}
    silent = feed(pipeline, ("HN",), 1000, 5000)
    # The last window of HH came at 10.00 s; HN's from 27.00 s on comes at 31.00 s.
    assert sent(silent) == {"HN": list(range(2700, 4700, 100))}
    assert states(silent) == [("HN", "online"), ("HH", "stale")]
    assert silent.changes[0].detail == "components ZNE, in place of CI.CCC.--.HH"
    again = feed(pipeline, ("HH", "HN"), 5000, 7000)
    # For 10 s the samples of the silence are waited for; HN goes on, and no time is sent twice.
    assert sent(again) == {
        "HN": list(range(4700, 5700, 100)),
        "HH": list(range(5700, 6700, 100)),
    }
    assert dict(states(again)) == {"HH": "online", "HN": "standby"}
    assert [(c.group.band_source, c.detail) for c in again.changes if c.state == "standby"] == [
        ("HH", "CI.CCC.--.HN is served"),  # the last window before the silence
        ("HH", "CI.CCC.--.HN is served"),  # those that waited
        ("HN", "CI.CCC.--.HH is served"),
    ]


def test_a_sensor_that_never_becomes_whole_does_not_hold_the_place() -> None:
    pipeline = Pipeline(settings_of("preferred"))
    everything = Outcome()
    for begin in range(0, 6000, 100):
        collect(everything, feed(pipeline, ("HH",), begin, begin + 100, "ZN"))
        collect(everything, feed(pipeline, ("HN",), begin, begin + 100))
    assert min(sent(everything)["HN"]) == 1800  # 20 s after the first record of HH
    assert "HH" not in sent(everything)


def test_stations_do_not_stand_in_for_each_other() -> None:
    pipeline = Pipeline(settings_of("preferred"))
    for station, sensor in (("AAA", "HH"), ("BBB", "HN")):
        for code in "ZNE":
            source_id = SourceId.from_nslc("CI", station, "", sensor + code)
            pipeline.accept(Segment(source_id, now(0), 100.0, TRUTH[:500]), now(500))
    assert pipeline.counts[Reason.STANDBY] == 0
    assert pipeline.counts[Reason.CUT] == 4


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(1, 30)), max_size=8))
def test_of_a_station_no_time_is_sent_twice_and_the_same_data_give_the_same(
    phases: list[tuple[bool, bool, int]],
) -> None:
    runs = []
    for _ in range(2):
        pipeline, everything, begin = Pipeline(settings_of("preferred")), Outcome(), 0
        for has_hh, has_hn, seconds in phases:
            sensors = [name for name, is_on in (("HN", has_hn), ("HH", has_hh)) if is_on]
            collect(everything, feed(pipeline, sensors, begin, begin + 100 * seconds))
            begin += 100 * seconds
        runs.append(
            [(w.group, w.first, w.arrival_ns, w.samples.tobytes()) for w in everything.windows]
        )
    assert runs[0] == runs[1]
    by_time: dict[int, set[str]] = {}
    for group, first, _, _ in runs[0]:
        by_time.setdefault(first, set()).add(group.band_source)
    assert all(len(names) == 1 for names in by_time.values())


def test_other_rules_do_not_bring_back_a_sensor_that_sends_and_gives_no_window() -> None:
    """HH has its vertical alone; BH stands in for it, over a reload about something else."""
    rules = settings_of("preferred")
    pipeline = Pipeline(rules)
    alone, whole = Outcome(), Outcome()
    for first in range(0, 8000, 100):
        if first == 6000:
            pipeline.adopt(replace(rules, max_gap_s=0.3), EMPTY)
        collect(alone, feed(pipeline, ("HH",), first, first + 100, "Z"))
        collect(whole, feed(pipeline, ("BH",), first, first + 100))
    firsts = sent(whole)["BH"]
    assert "HH" not in sent(alone)
    assert firsts == list(range(firsts[0], 7700 + 1, 100))[: len(firsts)]
    assert firsts[-1] >= 7600

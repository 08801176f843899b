from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from umamba_rt.core.calibration import COUNTS, Calibration
from umamba_rt.core.ids import GroupId, SourceId
from umamba_rt.core.inventory import ChannelEpoch, Inventory
from umamba_rt.core.pipeline import Outcome, Pipeline, PipelineSettings
from umamba_rt.core.reasons import Reason
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S, SAMPLE_NS
from umamba_rt.core.trigger_rules import TriggerRules

START = 156_225_900_000
SHORT = PipelineSettings(length_s=3.0)
TRUTH = np.random.default_rng(4).integers(-999, 999, 5000).astype(np.int32)


def now(index: int) -> int:
    return (START + index) * SAMPLE_NS


def segment(
    channel: str, first: int, stop: int, *, station: str = "CCC", rate_hz: float = 100.0
) -> Segment:
    source_id = SourceId.from_nslc("CI", station, "", channel)
    return Segment(source_id, now(first), rate_hz, TRUTH[first:stop])


def feed(pipeline: Pipeline, stop: int, channels: str = "ZNE", station: str = "CCC") -> Outcome:
    everything = Outcome()
    for first in range(0, stop, 100):
        for code in channels:
            found = segment("HH" + code, first, first + 100, station=station)
            outcome = pipeline.accept(found, now(first + 100))
            everything.windows.extend(outcome.windows)
            everything.changes.extend(outcome.changes)
    return everything


def test_settings_become_samples_and_ns() -> None:
    rules = PipelineSettings().rules
    assert (rules.length, rules.hop, rules.max_gap) == (3001, 100, 50)
    assert rules.max_wait_ns == 10 * NS_PER_S
    assert PipelineSettings().capacity == 6001
    fine = PipelineSettings(length_s=1.15, hop_s=0.29, max_gap_s=0.07).rules
    assert (fine.length, fine.hop, fine.max_gap) == (116, 29, 7)


def test_segments_become_windows_and_are_counted() -> None:
    pipeline = Pipeline(SHORT)
    outcome = feed(pipeline, 1000)
    assert [window.first - START for window in outcome.windows] == list(range(0, 700, 100))
    assert [change.state for change in outcome.changes] == ["online"]
    assert pipeline.counts == {Reason.SEGMENTS: 30, Reason.CUT: 7}
    assert list(pipeline.sensors) == [GroupId("CI", "CCC", "", "HH")]


def test_a_resumed_sensor_hands_out_what_an_earlier_run_had_not() -> None:
    whole = feed(Pipeline(SHORT), 1500).windows
    pipeline = Pipeline(SHORT)
    pipeline.resume_after(whole[4].group, whole[4].first)
    resumed = feed(pipeline, 1500).windows
    assert [(w.first, w.samples.tobytes()) for w in resumed] == [
        (w.first, w.samples.tobytes()) for w in whole[5:]
    ]
    assert len(feed(pipeline, 1500, station="WRV2").windows) == len(whole)
    assert pipeline.counts[Reason.LATE] == 0


def test_what_a_gap_held_back_comes_when_its_wait_ends() -> None:
    pipeline = Pipeline(SHORT)
    windows = []
    for code in "ZNE":
        for first, stop in ((0, 100), (105, 300)):
            found = segment("HH" + code, 2 * first, 2 * first + stop - first, rate_hz=50.0)
            windows += pipeline.accept(found, now(600)).windows
    assert windows == []
    assert pipeline.tick(now(1599)).windows == []
    # The wait for the segments behind the gap is over, and 0.1 s are filled.
    windows += pipeline.tick(now(1600)).windows
    windows += pipeline.tick(now(2600)).windows
    assert [window.first - START for window in windows] == [0, 100, 200]
    assert [window.quality.gap_s for window in windows] == [0.1, 0.1, 0.09]


def test_two_bands_of_a_station_are_two_sensors() -> None:
    pipeline = Pipeline(SHORT)
    for first in range(0, 500, 100):
        for channel in ("HHZ", "HNZ", "HHN", "HNN", "HHE", "HNE"):
            pipeline.accept(segment(channel, first, first + 100), now(first + 100))
    assert [str(group) for group in pipeline.sensors] == ["CI.CCC.--.HH", "CI.CCC.--.HN"]
    assert pipeline.counts[Reason.CUT] == 4


def test_a_record_from_the_future_is_refused_and_others_are_unharmed() -> None:
    undisturbed, disturbed = Pipeline(SHORT), Pipeline(SHORT)
    expected = feed(undisturbed, 500)
    assert disturbed.accept(segment("HHZ", 4000, 4101), now(1000)) == Outcome()
    assert disturbed.sensors == {}
    found = feed(disturbed, 500)
    assert [w.samples.tobytes() for w in found.windows] == [
        w.samples.tobytes() for w in expected.windows
    ]
    assert disturbed.counts[Reason.FUTURE] == 1
    disturbed.accept(segment("HHZ", 4000, 4101), now(1100))  # 30.00 s ahead is the most
    assert disturbed.counts[Reason.FUTURE] == 1


def test_a_clock_that_the_data_drive_has_no_future() -> None:
    pipeline = Pipeline(PipelineSettings(max_future_s=None))
    pipeline.accept(segment("HHZ", 0, 100), 0)
    assert pipeline.counts == {Reason.SEGMENTS: 1}


def test_stations_beyond_the_limit_are_refused_and_the_known_ones_go_on() -> None:
    pipeline = Pipeline(PipelineSettings(length_s=3.0, max_stations=2))
    for name in ("AAA", "BBB", "CCC"):
        feed(pipeline, 500, station=name)
    assert len(pipeline.sensors) == 2
    assert pipeline.counts[Reason.STATION_LIMIT] == 15
    assert pipeline.counts[Reason.CUT] == 4


def test_another_rate_is_counted_and_is_a_state_of_the_station() -> None:
    pipeline = Pipeline(SHORT)
    (change,) = pipeline.accept(segment("HHZ", 0, 50, rate_hz=12.5), now(50)).changes
    assert (change.state, change.since_ns) == ("refused", now(50))
    assert "12.5" in change.detail
    assert pipeline.counts == {Reason.SEGMENTS: 1, Reason.RATE: 1}


def test_a_refused_channel_does_not_flood_the_feed_with_states() -> None:
    pipeline = Pipeline(SHORT)
    changes = []
    for first in range(0, 4000, 100):
        for code in "ZN":
            found = segment("HH" + code, first, first + 100)
            changes += pipeline.accept(found, now(first + 100)).changes
        refused = segment("HHE", first, first + 12, rate_hz=12.5)
        changes += pipeline.accept(refused, now(first + 100)).changes
    assert [change.state for change in changes] == ["refused"]
    assert pipeline.counts[Reason.WITHHELD_COMPONENT] > 20


def test_a_station_whose_channels_all_change_to_a_rate_that_cannot_be_used_is_told_of_once() -> (
    None
):
    pipeline = Pipeline(replace(SHORT, stale_after_s=20.0))
    changes = []
    for first in range(0, 12_000, 100):
        for code in "ZNE":
            rate_hz, count = (100.0, 100) if first < 1000 else (12.5, 12)
            found = segment("HH" + code, first, first + count, rate_hz=rate_hz)
            changes += pipeline.accept(found, now(first + 100)).changes
        changes += pipeline.tick(now(first + 100)).changes
    assert [change.state for change in changes] == ["online", "refused"]
    (change,) = pipeline.tick(now(12_000) + 21 * NS_PER_S).changes
    assert change.state == "stale"


def test_a_refused_channel_takes_no_place_from_one_that_can_be_used() -> None:
    pipeline = Pipeline(SHORT)
    pipeline.accept(segment("HHN", 0, 12, rate_hz=12.5), now(100))
    windows = []
    for code in ("HHZ", "HH1", "HH2"):
        windows += pipeline.accept(segment(code, 0, 500), now(500)).windows
    assert {window.quality.components for window in windows} == {"Z12"}


def test_a_channel_that_is_no_component_is_counted() -> None:
    pipeline = Pipeline(SHORT)
    assert pipeline.accept(segment("HHF", 0, 100), now(100)) == Outcome()
    assert pipeline.counts == {Reason.SEGMENTS: 1, Reason.COMPONENT: 1}


def test_a_tick_lets_waits_end_at_all_sensors() -> None:
    pipeline = Pipeline(SHORT)
    feed(pipeline, 500, "ZN", station="AAA")
    feed(pipeline, 500, "ZNE", station="BBB")
    outcome = pipeline.tick(now(1500))
    assert [change.state for change in outcome.changes] == ["incomplete"]
    assert pipeline.counts[Reason.WITHHELD_COMPONENT] == 2
    (stale, another) = pipeline.tick(now(500) + 61 * NS_PER_S).changes
    assert (stale.state, another.state) == ("stale", "stale")


def test_what_is_wrong_with_samples_and_windows_is_counted_under_its_reason() -> None:
    pipeline = Pipeline(SHORT)
    feed(pipeline, 400)  # one window, 12 segments
    vertical = SourceId.from_nslc("CI", "CCC", "", "HHZ")
    pipeline.accept(segment("HHZ", 0, 100), now(400))
    pipeline.accept(Segment(vertical, now(0), 100.0, TRUTH[:100] + 1), now(400))
    missing = np.array([np.nan, np.inf, 1], np.float32)
    pipeline.accept(Segment(vertical, now(400), 100.0, missing), now(403))
    pipeline.accept(Segment(vertical, now(-100_000), 100.0, TRUTH[:10]), now(403))
    # One sample of the second window is missing, and of the third E's last 0.91 s.
    pipeline.accept(segment("HHZ", 403, 600), now(600))
    pipeline.accept(segment("HHN", 400, 600), now(600))
    pipeline.accept(segment("HHE", 400, 410), now(600))
    pipeline.tick(now(1600))
    pipeline.accept(segment("HHZ", 400, 402), now(1600))
    assert pipeline.counts == {
        Reason.SEGMENTS: 12 + 8,
        Reason.DUPLICATE: 100,
        Reason.CONFLICTING: 100,
        Reason.NOT_A_NUMBER: 2,
        Reason.TOO_OLD: 10,
        Reason.CUT: 2,
        Reason.FILLED: 1,
        Reason.WITHHELD_GAP: 1,
        Reason.LATE: 2,
    }


def test_filled_windows_are_counted() -> None:
    pipeline = Pipeline(SHORT)
    for code, stop in (("Z", 301), ("N", 301), ("E", 261)):
        pipeline.accept(segment("HH" + code, 0, stop), now(301))
    (window,) = pipeline.tick(now(1301)).windows
    assert window.quality.filled_s == 0.4
    assert pipeline.counts[Reason.FILLED] == 1


@pytest.mark.parametrize("rate_hz", [1e-4, 1e300, 19.0, 501.0])
def test_no_rate_raises(rate_hz: float) -> None:
    pipeline = Pipeline(SHORT)
    pipeline.accept(segment("HHZ", 0, 100, rate_hz=rate_hz), now(10**9))
    assert pipeline.counts[Reason.RATE] == 1


def test_windows_carry_the_calibration_of_their_time() -> None:
    change = now(400)
    epochs = []
    for code, gain in (("HHZ", 4.0), ("HHN", 5.0), ("HHE", 6.0)):
        source_id = SourceId.from_nslc("CI", "CCC", "", code)
        at = (35.0, -117.0, 670.0)
        epochs.append(ChannelEpoch(source_id, None, change, None, None, "m/s", gain, *at))
    outcome = feed(Pipeline(SHORT, Inventory(tuple(epochs))), 600)
    known = Calibration("m/s", (4.0, 5.0, 6.0))
    assert [window.calibration for window in outcome.windows] == [known, COUNTS, COUNTS]
    assert [window.quality.unit for window in outcome.windows] == ["m/s", "counts", "counts"]


def test_segments_refused_elsewhere_for_their_times_are_counted() -> None:
    pipeline = Pipeline(SHORT)
    pipeline.refuse_future(0)
    assert pipeline.counts == {}
    pipeline.refuse_future(3)
    assert pipeline.counts == {Reason.SEGMENTS: 3, Reason.FUTURE: 3}


def test_a_surplus_channel_is_no_refusal_whatever_its_rate() -> None:
    pipeline = Pipeline(SHORT)
    states = [change.state for change in feed(pipeline, 500).changes]
    for first in range(500, 1000, 100):
        for code in "ZNE":
            found = pipeline.accept(segment("HH" + code, first, first + 100), now(first + 100))
            states += [change.state for change in found.changes]
        surplus = pipeline.accept(segment("HH1", first, first + 10, rate_hz=1.0), now(first + 100))
        states += [change.state for change in surplus.changes]
    assert states == ["online"]
    assert pipeline.counts[Reason.COMPONENT] == 5


def test_refused_horizontals_of_a_vertical_that_is_served_do_not_flood_the_feed() -> None:
    pipeline = Pipeline(PipelineSettings(length_s=3.0, vertical_only="repeat-z"))
    states = []
    for first in range(0, 4000, 100):
        states += pipeline.accept(segment("HHZ", first, first + 100), now(first + 100)).changes
        for code in "NE":
            refused = segment("HH" + code, first, first + 12, rate_hz=12.5)
            states += pipeline.accept(refused, now(first + 100)).changes
    assert [change.state for change in states] == ["refused", "online"]
    assert pipeline.counts[Reason.CUT] > 20
    for rate in range(20):
        pipeline.accept(segment("HHN", 0, 12, rate_hz=1.0 + rate / 8), now(4000))
    (sensor,) = pipeline.sensors.values()
    assert len(sensor._refused) == 8


def test_windows_that_hold_an_onset_are_flagged_and_tell_it() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 100, 9000).astype(np.float32)
    samples[5050:5250] *= 100
    settings = PipelineSettings(trigger=TriggerRules())
    pipelines = [Pipeline(settings), Pipeline(settings), Pipeline(PipelineSettings())]
    outcomes = []
    for pipeline, step in zip(pipelines, (500, 300, 500), strict=True):
        windows = []
        for first in range(0, 9000, step):
            for component in "NEZ":
                source_id = SourceId("CI", "CCC", "", "H", "H", component)
                start_ns = (START + first) * SAMPLE_NS
                part = Segment(source_id, start_ns, 100.0, samples[first : first + step])
                windows += pipeline.accept(part, now(START + first + step)).windows
        outcomes.append(windows)
    told, others, silent = outcomes
    assert [w.triggers for w in told] == [w.triggers for w in others]
    spans = {span.on - START for window in told for span in window.triggers}
    assert len(spans) == 1
    assert 5050 <= spans.pop() < 5060
    (on,) = {span.on for window in told for span in window.triggers}
    off = max(span.off or 0 for window in told for span in window.triggers)
    for window in told:
        holds = window.first < off and window.first + 3000 >= on
        assert window.quality.triggered == bool(window.triggers) == holds
    assert {window.quality.triggered for window in told} == {False, True}
    assert not any(window.quality.triggered for window in silent)

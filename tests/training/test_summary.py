from __future__ import annotations

import math

import pytest

from tests.training.evaluated import window
from umamba_rt.training.evaluate import EvaluatedWindow, Evaluation, NoiseWindow
from umamba_rt.training.summary import GATE_SNR_DB, Summary, summarise


def summary(*windows: EvaluatedWindow, noise: tuple[NoiseWindow, ...] = ()) -> Summary:
    return summarise(Evaluation(windows, noise, 7, {25.0: 2}), 25.0)


def test_headline_is_that_of_its_time_alone() -> None:
    found = summary(
        window(predicted=4.5),
        window(predicted=3.0, magnitude=2.0, source_id="ev2"),
        window(predicted=9.0, seconds_after_p=5.0),
    )
    assert (found.n, found.mae, found.n_records) == (2, 0.75, 7)
    assert found.rmse == pytest.approx(math.sqrt((0.25 + 1) / 2))
    assert found.r2 == pytest.approx(1 - 1.25 / 2)
    assert [point.seconds_after_p for point in found.curve] == [5.0, 25.0]
    assert found.curve[0].model.mae == 5
    assert found.curve[1].n_excluded == 2


def test_windows_that_end_sooner_and_mirror_noise_are_counted() -> None:
    found = summary(window(ends_after_p_s=24.98, mirrored_s=3.0), window(ends_after_p_s=24.995))
    (point,) = found.curve
    assert (point.n_early, point.n_mirrored) == (1, 1)


def test_skill_is_on_the_windows_where_both_give_a_number() -> None:
    found = summary(
        window(predicted=4.2, ridge=4.4),
        window(predicted=6.0, ridge=math.nan),
        window(predicted=math.nan, ridge=4.1),
        window(predicted=1.9, magnitude=2.0, ridge=2.4, source_id="ev2"),
    )
    (skill,) = (skill for skill in found.skill if skill.baseline == "ridge")
    assert skill.n == 2
    assert skill.of_mae == pytest.approx(1 - 0.15 / 0.4)
    assert found.not_finite == 1


def test_groups_hold_every_window_of_the_headline() -> None:
    found = summary(window(magnitude=2.5, predicted=2.6), window(), window(part="other"))
    for by in ("magnitude", "part", "unit", "network", "snr", "distance"):
        assert sum(group.errors.n for group in found.groups if group.by == by) == 3
    (bin_2,) = (group for group in found.groups if group.name == "2 to 3")
    assert bin_2.errors.bias == pytest.approx(0.1)


def test_bias_by_magnitude_is_told_at_every_time() -> None:
    found = summary(window(predicted=4.5), window(predicted=3.0, seconds_after_p=2.0))
    told = [(g.name, g.seconds_after_p, g.errors.bias) for g in found.magnitude_curve]
    assert told == [("4 to 5", 2.0, -1.0), ("4 to 5", 25.0, 0.5)]


def test_event_is_the_median_of_stations_that_do_not_clip() -> None:
    stations = [("A", 4.0), ("B", 4.4), ("C", 4.2), ("D", 9.0)]
    windows = [window(station=s, predicted=m, seconds_after_p=20.0) for s, m in stations]
    more = [
        window(station="E", predicted=0.0, clipped=True, seconds_after_p=20.0),
        window(station="A", channel="HN", predicted=4.2, seconds_after_p=20.0),
        window(station="A", source_id="few", seconds_after_p=20.0),
    ]
    found = summary(*windows, *more, window())
    (event,) = found.events
    # Of A, B, C, D: 4.1 (its two sensors), 4.4, 4.2, 9.0.
    assert event.estimate == pytest.approx(4.3)
    assert (event.source_id, event.n_stations, event.seconds_after_p) == ("ev1", 4, 20.0)
    (errors,) = found.event_errors
    assert (errors.n, errors.seconds_after_p) == (1, 20.0)
    assert errors.mae == pytest.approx(0.3)


def test_events_at_the_headlines_time_are_not_told_twice() -> None:
    windows = [window(station=s, seconds_after_p=20.0) for s in "ABCD"]
    found = summarise(Evaluation(tuple(windows), (), 4, {}), 20.0)
    assert len(found.events) == 1


def test_noise_above_two_is_told_with_and_without_the_gate() -> None:
    loud, quiet = GATE_SNR_DB, GATE_SNR_DB - 0.1
    noise = (
        NoiseWindow("a", loud, 2.5),
        NoiseWindow("b", quiet, 2.5),
        NoiseWindow("c", loud, 1.0),
        NoiseWindow("d", math.nan, 3.0),
    )
    found = summary(window(), noise=noise).noise
    assert found is not None
    assert (found.n, found.n_passing_gate) == (4, 2)
    assert (found.share_above, found.share_above_passing_gate) == (0.75, 0.25)
    assert (found.median, found.highest) == (2.5, 3.0)
    assert summary(window()).noise is None


def test_reading_that_is_not_finite_in_noise_counts_as_above() -> None:
    found = summary(window(), noise=(NoiseWindow("a", 20.0, math.nan),)).noise
    assert found is not None
    assert found.share_above_passing_gate == 1


def test_calibration_is_null_without_uncertainty_and_told_with() -> None:
    assert summary(window()).calibration is None
    found = summary(window(predicted=4.5, uncertainty=0.4)).calibration
    assert found is not None
    assert (found.within_1_sigma, found.within_2_sigma) == (0, 1)

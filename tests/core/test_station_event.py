"""core/station_event.py: an event opens, follows its windows and closes; its name is the data's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from umamba_rt.core.ids import GroupId
from umamba_rt.core.station_event import EventRules, Reading, StationEvent, StationEvents
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.core.trigger_span import TriggerSpan

GROUP = GroupId("CI", "CCC", "", "HH")
BEGIN_S = 1_562_261_633  # 2019-07-04T17:33:53Z
RULES = EventRules(follow_ns=25 * NS_PER_S, longest_ns=60 * NS_PER_S)


def reading(
    end_s: float, *spans: tuple[float, float | None], magnitude: float = 3.0, snr_db: float = 20.0
) -> Reading:
    """A window that ends so long after 17:33:53; spans in the same seconds."""
    begin = BEGIN_S * 100
    return Reading(
        group=GROUP,
        end_ns=round((BEGIN_S + end_s) * NS_PER_S),
        spans=tuple(
            TriggerSpan(begin + round(on * 100), None if off is None else begin + round(off * 100))
            for on, off in spans
        ),
        magnitude=magnitude,
        uncertainty=0.3,
        snr_db=snr_db,
        clipped=False,
        unit="m/s",
    )


def told(events: list[StationEvent]) -> list[tuple[str, int]]:
    return [(event.state, event.revision) for event in events]


def test_an_event_opens_grows_and_closes() -> None:
    sensor, revisions = StationEvents(RULES), []
    assert sensor.read(reading(0.0)) == []
    for end_s in range(1, 40):
        off = None if end_s < 6 else 5.5
        span = [(0.25, off)] if end_s <= 30 else []
        revisions += sensor.read(reading(end_s, *span, magnitude=2 + min(end_s, 10) / 10))
    states = [event.state for event in revisions]
    assert states == ["open", *["updated"] * 24, "closed"]
    assert [event.revision for event in revisions] == list(range(26))
    assert {event.event_id for event in revisions} == {"CI.CCC.--.HH.20190704T173353"}
    last = revisions[-1]
    assert (last.magnitude, last.peak_magnitude) == (3.0, 3.0)
    assert last.n_windows == 25
    assert last.duration_s == pytest.approx(5.25)
    assert last.since_onset_s == pytest.approx(24.75)
    seconds = [since for since, _ in last.estimates]
    assert seconds == [1.75, 2.75, 3.75, 5.75, 7.75, 10.75, 15.75, 20.75]
    assert revisions[0].estimates == ()
    assert revisions[0].since_onset_s == pytest.approx(0.75)


def test_the_next_onset_closes_the_event_before() -> None:
    sensor = StationEvents(RULES)
    sensor.read(reading(1, (0.2, None), magnitude=4.0))
    revisions = sensor.read(reading(8, (0.2, 4.0), (7.1, None), magnitude=2.0))
    assert told(revisions) == [("closed", 1), ("open", 0)]
    assert revisions[0].magnitude == 4.0
    assert revisions[0].duration_s == pytest.approx(3.8)
    assert revisions[1].event_id.endswith("T173400")
    assert told(sensor.read(reading(9, (0.2, 4.0), (7.1, None)))) == [("updated", 1)]


def test_several_onsets_of_one_window_are_an_event_each() -> None:
    sensor = StationEvents(RULES)  # the first window behind a gap tells of 30 s at once
    revisions = sensor.read(reading(30, (2.0, 4.0), (12.0, 15.0), (29.0, None)))
    assert told(revisions) == [("open", 0), ("closed", 1), ("open", 0), ("closed", 1), ("open", 0)]
    assert len({event.event_id for event in revisions}) == 3


def test_an_onset_is_known_again_whatever_window_tells_of_it() -> None:
    sensor = StationEvents(RULES)
    sensor.read(reading(1, (0.2, None)))
    for end_s in (3, 4, 9):  # windows may be lost in between
        assert told(sensor.read(reading(end_s, (0.2, None))))[0][0] == "updated"
    assert sensor.latest is not None
    assert sensor.latest.n_windows == 4


def test_an_event_whose_trigger_stays_on_goes_on_without_estimates_and_ends() -> None:
    sensor, revisions = StationEvents(RULES), []
    for end_s in range(1, 70):
        revisions += sensor.read(reading(end_s, (0.5, None), magnitude=end_s))
    assert told(revisions)[-1] == ("closed", 25)
    assert revisions[-1].end_ns == (BEGIN_S + 61) * NS_PER_S
    assert revisions[-1].magnitude == 25
    assert revisions[-1].duration_s is None


def test_the_highest_values_are_kept() -> None:
    sensor = StationEvents(RULES)
    sensor.read(reading(1, (0.2, None), magnitude=5.0, snr_db=30.0))
    quiet = replace(reading(2, (0.2, None), magnitude=4.0), snr_db=None, clipped=True)
    (event,) = sensor.read(quiet)
    assert (event.magnitude, event.peak_magnitude, event.snr_db) == (4.0, 5.0, 30.0)
    assert event.clipped
    (event,) = sensor.read(reading(3, (0.2, None)))
    assert event.clipped


def test_an_event_goes_on_from_its_latest_revision() -> None:
    whole, before = StationEvents(RULES), StationEvents(RULES)
    readings = [reading(end_s, (0.2, None if end_s < 9 else 8.5)) for end_s in range(1, 31)]
    expected = [whole.read(one) for one in readings]
    found = [before.read(one) for one in readings[:12]]
    after = StationEvents(RULES, before.latest)
    assert found + [after.read(one) for one in readings[12:]] == expected

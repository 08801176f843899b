"""core/recent_readings.py: an onset found late is estimated by the windows of its time."""

from __future__ import annotations

import pytest

from tests.core.test_association import EPICENTRE, ORIGIN_NS
from tests.core.test_source_scan import PLACES
from umamba_rt.core.association import Source
from umamba_rt.core.recent_readings import RecentReadings
from umamba_rt.core.source_scan import Hidden, Onset
from umamba_rt.core.station_event import Reading, second_of
from umamba_rt.core.timebase import NS_PER_S

SOURCE = Source(EPICENTRE, ORIGIN_NS)
GROUPS = list(PLACES)


def hidden(rise: float = 0.5) -> Hidden:
    onsets = tuple(Onset(group, SOURCE.p_ns(place), rise) for group, place in PLACES.items())
    return Hidden(SOURCE, onsets, 7.0)


def readings(until_s: int = 60) -> RecentReadings:
    """Second by second of each station; the magnitude is the second."""
    kept = RecentReadings()
    for second in range(-10, until_s):
        for group in GROUPS:
            end_ns = ORIGIN_NS + second * NS_PER_S
            kept.note(Reading(group, end_ns, (), float(second), 0.3, 12.0, False, "m/s"))
    return kept


def test_the_first_window_with_the_s_wave_is_the_estimate() -> None:
    members = readings().members(hidden(), lambda group, _: PLACES[group])
    assert set(members) == set(GROUPS)
    for group, member in members.items():
        s_s = (SOURCE.s_ns(PLACES[group]) - ORIGIN_NS) / NS_PER_S
        assert s_s + 1 <= member.magnitude < s_s + 2
        assert member.onset_ns == SOURCE.p_ns(PLACES[group])
        assert member.since_onset_s == pytest.approx((member.end_ns - member.onset_ns) / NS_PER_S)
        assert member.event_id == f"{group}.{second_of(member.onset_ns)}"
        assert (member.snr_db, member.uncertainty, member.unit) == (12.0, 0.3, "m/s")


def test_stations_that_show_nothing_or_lack_windows_or_places_are_no_members() -> None:
    assert readings().members(hidden(rise=0.1), lambda group, _: PLACES[group]) == {}
    assert readings().members(hidden(), lambda *_: None) == {}
    assert RecentReadings().members(hidden(), lambda group, _: PLACES[group]) == {}
    early = readings(until_s=8).members(hidden(), lambda group, _: PLACES[group])
    assert 0 < len(early) < len(GROUPS)


def test_readings_are_kept_for_two_minutes() -> None:
    kept = readings(until_s=4000)
    assert {len(one) for one in kept._readings.values()} == {121}
    assert all(m.magnitude > 3800 for m in kept.members(hidden(), lambda g, _: PLACES[g]).values())

"""training/event_evaluation.py: found, missed, false and doubled events of a made-up replay."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.core.test_association import EPICENTRE, ORIGIN_NS
from tests.core.test_coincidence import earthquake
from tests.test_events import INVENTORY
from umamba_rt.core.inventory import EMPTY
from umamba_rt.core.timebase import NS_PER_S, rfc3339
from umamba_rt.errors import DatasetError, UnavailableError
from umamba_rt.training.catalogue import CatalogueEvent
from umamba_rt.training.event_evaluation import EventEvaluation, ToldEvent, read_events
from umamba_rt.training.event_report import markdown, to_json

END_NS = ORIGIN_NS + 600 * NS_PER_S


def told(after_s: float, magnitude: float = 3.0, name: str = "") -> ToldEvent:
    onsets_ns = {str(one.group): one.onset_ns for one in earthquake(after_s)[:6]}
    first_ns = min(onsets_ns.values()) + 4 * NS_PER_S
    return ToldEvent(name or f"at-{after_s:g}", onsets_ns, first_ns, magnitude - 0.5, magnitude)


def quake(after_s: float, magnitude: float = 3.0) -> CatalogueEvent:
    return CatalogueEvent(
        source_id=f"ev{after_s:g}",
        origin_ns=ORIGIN_NS + round(after_s * NS_PER_S),
        latitude_deg=EPICENTRE.latitude_deg,
        longitude_deg=EPICENTRE.longitude_deg,
        depth_km=8.0,
        magnitude=magnitude,
        magnitude_type="",
    )


def test_events_are_found_missed_false_and_doubled() -> None:
    events = [told(0.3, 3.4), told(102.0), told(104.5), told(300.0), told(401.0, 1.0)]
    catalogue = [quake(0, 3.0), quake(100, 4.0), quake(200, 2.6), quake(210, 2.4), quake(400, 1.5)]
    figures = EventEvaluation(events, catalogue, INVENTORY).figures(ORIGIN_NS, END_NS, 2.5)
    pairs = [(match.event.source_id, match.told.event_id) for match in figures.matches]
    assert pairs == [("ev0", "at-0.3"), ("ev100", "at-102"), ("ev400", "at-401")]
    assert [event.source_id for event in figures.missed] == ["ev200"]
    assert [event.event_id for event in figures.false] == ["at-300"]
    assert [event.event_id for event in figures.doubled] == ["at-104.5"]
    assert figures.recall == pytest.approx(2 / 3)
    assert figures.false_share == pytest.approx(1 / 5)
    assert figures.chance_recall == 0
    summary = figures.summary()
    assert summary["magnitude_bias"] == pytest.approx((0.4 - 1.0) / 2)
    assert summary["first_magnitude_mae"] == pytest.approx((0.1 + 1.5) / 2)
    assert summary["first_after_origin_s_median"] == pytest.approx(1.7 + 4 + 1.15, abs=0.3)


def test_of_two_neighbours_each_has_its_own_event() -> None:
    events, catalogue = [told(0.5), told(4.5)], [quake(0), quake(4)]
    figures = EventEvaluation(events, catalogue, INVENTORY).figures(ORIGIN_NS, END_NS, 2.5)
    assert len(figures.matches) == 2
    assert not figures.doubled
    one = EventEvaluation(events[:1], catalogue, INVENTORY).figures(ORIGIN_NS, END_NS, 2.5)
    assert [event.source_id for event in one.missed] == ["ev4"]


def test_only_the_time_that_is_asked_for_counts() -> None:
    joined = EventEvaluation([told(0), told(100)], [quake(0), quake(100)], INVENTORY)
    figures = joined.figures(ORIGIN_NS + 50 * NS_PER_S, END_NS, 2.5)
    assert (figures.n_told, len(figures.matches), figures.recall) == (1, 1, 1.0)


def test_without_places_or_earthquakes_nothing_is_claimed() -> None:
    unplaced = EventEvaluation([told(0)], [quake(0)], EMPTY).figures(ORIGIN_NS, END_NS, 2.5)
    assert (unplaced.recall, len(unplaced.false)) == (0.0, 1)
    empty = EventEvaluation([], [], INVENTORY).figures(ORIGIN_NS, END_NS, 2.5)
    assert math.isnan(empty.recall)
    assert math.isnan(empty.false_share)
    assert "| - |" in markdown({"all": empty})


def test_the_report_names_what_went_wrong() -> None:
    joined = EventEvaluation([told(0), told(300)], [quake(0), quake(200)], INVENTORY)
    parts = {"all": joined.figures(ORIGIN_NS, END_NS, 2.5)}
    text = markdown(parts)
    assert "| recall | 50.0% |" in text
    assert "missed: 17:37:09 M 3.0" in text
    assert "at-300 (M 3.0, 6 stations)" in text
    body = json.loads(to_json(parts))["all"]
    assert (body["found"], body["false_events"]) == (1, ["at-300"])


def line(event_id: str, revision: int, magnitude: float) -> str:
    share = {
        "station": {"network": "XX", "station": "0", "location": "--", "band_source": "HH"},
        "onset": rfc3339(ORIGIN_NS),
    }
    body = {
        "schema": "umamba-rt/network/1",
        "event_id": event_id,
        "window_end": rfc3339(ORIGIN_NS + (3 + revision) * NS_PER_S),
        "magnitude": magnitude,
        "stations": [share],
    }
    return json.dumps(body)


def test_the_first_and_the_last_revision_are_read(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    station = json.dumps({"schema": "umamba-rt/event/1"})
    path.write_text("\n".join([station, line("a", 0, 2), line("b", 0, 1), line("a", 1, 3)]))
    first, second = read_events(path)
    assert (first.event_id, first.first_magnitude, first.magnitude) == ("a", 2.0, 3.0)
    assert first.first_ns == ORIGIN_NS + 3 * NS_PER_S
    assert first.onsets_ns == {"XX.0.--.HH": ORIGIN_NS}
    assert second.event_id == "b"


def test_what_is_no_event_message_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(line("a", 0, 2) + "\n" + '{"schema": "umamba-rt/network/1"}')
    with pytest.raises(DatasetError, match="row 2"):
        read_events(path)
    with pytest.raises(UnavailableError, match="nowhere"):
        read_events(tmp_path / "nowhere")

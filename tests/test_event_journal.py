"""event_journal.py: events go on over a kill as if nothing had been."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.core.test_association import ORIGIN_NS, STATIONS
from tests.test_events import CONFIG, INVENTORY, V2, estimate, estimates, network_of, taken
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.event_journal import EventJournal
from umamba_rt.events import EventMessage, Events, Note
from umamba_rt.io.event_file import EventFile
from umamba_rt.readings import Unread, notes_of, unread
from umamba_rt.wire.event_message import NetworkEventMessage, StationEventMessage
from umamba_rt.wire.message import Magnitude

MESSAGES = list(estimates())


@contextmanager
def run(folder: Path, max_future_ns: int = 0) -> Iterator[tuple[Events, EventJournal]]:
    """A run's events, gone on from the last run; at its end nothing is saved, as in a kill."""
    file = EventFile(folder / "events", CONFIG, "v2")
    journal = EventJournal(file, max_future_ns)
    events, (saved, readings) = Events(CONFIG, INVENTORY, V2), journal.held
    events.resume(saved)
    for reading in readings:
        list(events.read(Note(reading)))
    yield events, journal
    file.close()


def take(events: Events, journal: EventJournal, messages: list[Magnitude]) -> list[EventMessage]:
    """What estimates make due, in the order of the daemon's steps."""
    told: list[EventMessage] = []
    for one in unread_of(messages):
        journal.note(one.reading)
        for note in notes_of([one]):
            told += events.read(note)
        journal.taken([one.reading])
        if journal.is_long:
            journal.save(events.saved)
    return told


def unread_of(messages: list[Magnitude]) -> list[Unread]:
    return [one for message in messages if (one := unread(message, "v2"))]


@pytest.mark.parametrize("most", [2000, 7])
def test_killed_at_any_moment_it_tells_what_an_undisturbed_run_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """The file begins anew never within a run, or often; the kills lie 17 estimates apart."""
    monkeypatch.setattr("umamba_rt.event_journal._MOST_READINGS", most)
    told: list[EventMessage] = []
    again = 0
    for begin in range(0, len(MESSAGES), 17):
        with run(tmp_path) as (events, journal):
            once_more = events.told_again()
            assert all(one in told for one in once_more)
            again += len(once_more)
            # The last three were sent, and not known to have left: they come again.
            told += take(events, journal, MESSAGES[max(0, begin - 3) : begin + 17])
    with run(tmp_path) as (events, _):
        told += events.finish()
    assert told == taken(MESSAGES)
    assert {one.event_id for one in network_of(told)} == {"20190704T173350-XX_0"}
    assert again > 100


def test_estimates_on_their_way_to_the_events_are_not_lost(tmp_path: Path) -> None:
    """Noted, and the process killed before the events took them; the file began anew meanwhile."""
    with run(tmp_path) as (events, journal):
        told = take(events, journal, MESSAGES[:50])
        for noted in unread_of(MESSAGES[50:80]):
            journal.note(noted.reading)
        journal.save(events.saved)
    with run(tmp_path) as (events, journal):
        left = journal.untold
        assert len(left) == 30
        told += [one for reading in left for one in events.read(Note(reading))]
        journal.taken(left)
        assert take(events, journal, MESSAGES[20:80]) == []  # all of it has been read
        told += take(events, journal, MESSAGES[80:])
        told += events.finish()
    assert told == taken(MESSAGES)


def test_open_events_and_the_last_ones_are_told_to_the_new_run(tmp_path: Path) -> None:
    """Killed each three seconds, until the sensors' events have closed after 120 s, too."""
    latest: dict[str, tuple[EventMessage, int]] = {}
    found = set()
    long = list(estimates(180))
    step = 3 * len(STATIONS)
    for begin in range(0, len(long), step):
        with run(tmp_path) as (events, journal):
            again = {one.event_id: one for one in events.told_again()}
            second = begin // len(STATIONS)
            for name, (one, told_at) in latest.items():
                wanted = one.state != "closed" or second - told_at <= 31
                assert again.get(name) == (one if wanted else None), (name, second, told_at)
                found.add((type(one), one.state, wanted))
            for number, message in enumerate(long[begin : begin + step]):
                for one in take(events, journal, [message]):
                    latest[one.event_id] = one, second + number // len(STATIONS)
    closed = {(kind, wanted) for kind, state, wanted in found if state == "closed"}
    assert closed == {
        (kind, wanted)
        for kind in (StationEventMessage, NetworkEventMessage)
        for wanted in (False, True)
    }


def test_windows_of_a_clock_that_was_moved_back_are_read(tmp_path: Path) -> None:
    with run(tmp_path) as (events, journal):
        take(events, journal, MESSAGES)
    back_ns = ORIGIN_NS - 3600 * NS_PER_S
    with run(tmp_path) as (events, journal):
        take(events, journal, [estimate("XX_0", back_ns, None)])
        assert events.saved.sensors[0].end_ns == back_ns


def test_events_from_the_future_are_told_and_begin_anew(tmp_path: Path) -> None:
    ahead_ns = time.time_ns() + 3600 * NS_PER_S
    with run(tmp_path, 7200 * NS_PER_S) as (events, journal):
        take(events, journal, [estimate("XX_0", ahead_ns, None)])
        journal.save(events.saved)
    with capture_logs() as logs, run(tmp_path) as (events, _):
        assert events.saved.sensors == ()
    assert [one["event"] for one in logs] == ["events_from_the_future"]


def test_folder_that_cannot_be_written_is_told_once_and_counted(tmp_path: Path) -> None:
    with capture_logs() as logs, run(tmp_path / "nowhere") as (events, journal):
        told = take(events, journal, MESSAGES)
        journal.save(events.saved)
        journal.close()
        assert told + list(events.finish()) == taken(MESSAGES)
        assert journal.failures == 2  # at the beginning and at the end
    assert [one["event"] for one in logs] == ["events_not_saved"]


def test_estimate_that_could_not_be_sent_is_no_hindrance(tmp_path: Path) -> None:
    with run(tmp_path) as (events, journal):
        noted = [one.reading for one in unread_of(MESSAGES[:40])]
        for reading in noted:
            journal.note(reading)
        list(events.read(Note(noted[-1])))
        journal.taken(noted[-1:])
        journal.save(events.saved)
    file = EventFile(tmp_path / "events", CONFIG, "v2")
    left = file.load()
    assert left is not None
    assert left[1] == []


def test_what_events_never_read_does_not_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process answers: what is held stays, and what is on its way."""
    monkeypatch.setattr("umamba_rt.event_journal._MOST_LINES", 40)
    path = tmp_path / "events"
    with run(tmp_path) as (events, journal):
        take(events, journal, MESSAGES[:10])
        held = journal.held
        for begin in range(10, len(MESSAGES) - 5, 5):
            some = [one.reading for one in unread_of(MESSAGES[begin : begin + 5])]
            for reading in some:
                journal.note(reading)
            waiting = unread_of(MESSAGES[-5:])[0].reading
            journal.note(waiting)
            journal.passed(some)
            assert journal.untold == [waiting]
            assert len(path.read_bytes().splitlines()) < 10 + 40 + 10
            journal.passed([waiting])
        journal.passed([waiting])  # once more is nothing
        journal.passed([])
    with run(tmp_path) as (events, journal):
        assert journal.held[1][:10] == held[1]
        assert journal.untold == []


def test_what_no_process_outlives_is_renamed_and_what_is_on_its_way_stays(tmp_path: Path) -> None:
    path = tmp_path / "events"
    with run(tmp_path) as (events, journal):
        take(events, journal, MESSAGES[:10])
        assert not journal.is_empty
        (one,) = unread_of(MESSAGES[10:11])
        journal.note(one.reading)
        content = path.read_bytes()
        with capture_logs() as logs:
            journal.set_aside("EOFError: ")
        assert journal.is_empty
        assert journal.untold == [one.reading]
    assert [(one["event"], one["file"], one["kind"]) for one in logs] == [
        ("state_set_aside", str(path), "unusable")
    ]
    (aside,) = tmp_path.glob("events.unusable-*")
    assert aside.read_bytes() == content
    with run(tmp_path) as (events, journal):
        assert journal.is_empty
        assert journal.untold == [one.reading]
        path.unlink()
        journal.set_aside("EOFError: ")  # nothing to rename: it begins all the same
        assert path.exists()
    with capture_logs() as logs:
        EventJournal().set_aside("EOFError: ")
    assert logs[0]["file"] == "none"


def test_other_rules_go_on_from_what_is_held_where_no_process_says_more(tmp_path: Path) -> None:
    few = replace(CONFIG, min_magnitude=9.0)
    with run(tmp_path) as (events, journal):
        take(events, journal, MESSAGES[:10])
        journal.adopt(few, None)
        (one,) = unread_of(MESSAGES[10:11])
        journal.note(one.reading)
    assert EventFile(tmp_path / "events", CONFIG, "v2").load() is None
    left = EventFile(tmp_path / "events", few, "v2").load()
    assert left is not None
    assert (left[1], left[2]) == ([*journal.held[1], one.reading], 10)


def test_without_a_file_it_holds_what_another_process_needs() -> None:
    events, journal = Events(CONFIG, INVENTORY, V2), EventJournal()
    told = take(events, journal, MESSAGES[:300])
    assert not journal.outlives
    other = Events(CONFIG, INVENTORY, V2)
    saved, readings = journal.held
    other.resume(saved)
    for reading in readings:
        list(other.read(Note(reading)))
    assert other.saved == events.saved
    told += take(other, journal, MESSAGES[300:])
    assert told + list(other.finish()) == taken(MESSAGES)

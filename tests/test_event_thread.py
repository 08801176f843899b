"""event_thread.py: the same events, and nobody waits for them."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.core.test_association import STATIONS
from tests.endpoints import wait_until
from tests.event_runs import MESSAGES, Run, kept, left_by_a_killed_run
from tests.test_event_process import flat, is_running
from tests.test_events import CONFIG, INVENTORY, V2, taken
from umamba_rt.core.inventory import EMPTY
from umamba_rt.event_process import EventProcess
from umamba_rt.events import EventMessage
from umamba_rt.io.event_file import EventFile
from umamba_rt.wire.event_message import NetworkEventMessage


@pytest.mark.parametrize("live", [True, False])
def test_thread_tells_the_events_that_are_told_without_it(live: bool) -> None:
    run = Run(live=live)
    run.send(MESSAGES)
    run.thread.finish(60)
    assert run.told == taken(MESSAGES)
    assert len(run.told) > len(STATIONS)
    assert (run.thread.passed_over, run.thread.restarts) == (0, 0)


def test_estimates_go_on_while_a_search_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("umamba_rt.event_thread._MOST_WAITING", 10)
    run = Run(live=True)
    with capture_logs() as logs, run.held():
        run.send(MESSAGES[1:100])
        # Those in the process's hands, and ten that wait, are not passed over.
        assert 99 - 2 * 10 - 1 <= run.thread.passed_over <= 99 - 10
    run.thread.finish(60)
    assert not run.thread._thread.is_alive()
    assert {entry["event"] for entry in logs} == {"events_behind"}


def test_end_does_not_wait_longer_than_it_may_and_nothing_is_told_after_it() -> None:
    run = Run(live=True)
    with capture_logs() as logs, run.held():
        run.send(MESSAGES[1:])
        begun_s, told = time.monotonic(), list(run.told)
        run.thread.finish(0.2)
        assert time.monotonic() - begun_s < 2
        wait_until(lambda: not run.thread._thread.is_alive())
    assert [entry["event"] for entry in logs] == ["events_abandoned"]
    assert run.process.pid is None
    assert run.told == told


def test_replay_waits_rather_than_pass_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("umamba_rt.event_thread._MOST_WAITING", 1)
    run = Run(live=False)
    run.send(MESSAGES)
    run.thread.finish(60)
    assert run.thread.passed_over == 0
    assert run.told == taken(MESSAGES)


def test_what_an_earlier_run_left_is_told_before_any_estimate(tmp_path: Path) -> None:
    """What it had noted and not told of, and what is open once more."""
    left_by_a_killed_run(tmp_path, 200)
    run = Run(live=True, journal=kept(tmp_path))
    run.thread.begin(0.0, 0)
    wait_until(lambda: len(set(map(repr, run.told))) < len(run.told))
    run.thread.finish(60)
    once = [one for number, one in enumerate(run.told) if one not in run.told[:number]]
    assert len(once) > len(STATIONS)
    assert once == taken(MESSAGES)[: len(once)]


def test_where_no_earlier_run_left_anything_nothing_begins_before_an_estimate() -> None:
    run = Run(live=True)
    run.thread.begin(0.0, 0)
    assert run.thread._thread.ident is None
    run.thread.finish(1)


def test_what_is_older_than_it_may_be_waits_for_an_estimate(tmp_path: Path) -> None:
    left_by_a_killed_run(tmp_path, 200)
    left = kept(tmp_path)
    latest_ns = left.latest_ns
    run = Run(live=True, journal=left)
    run.thread.begin(0.0, latest_ns)
    assert run.thread._thread.ident is None
    run.thread.begin(0.0, latest_ns - 1)
    wait_until(lambda: bool(run.told))
    run.thread.finish(60)


def test_what_an_earlier_run_left_waits_for_subscribers_but_not_at_the_end(tmp_path: Path) -> None:
    left_by_a_killed_run(tmp_path, 200)
    run = Run(live=True, journal=kept(tmp_path))
    run.thread.begin(300.0, 0)
    run.thread.finish(60)
    assert not run.thread._thread.is_alive()
    assert run.told


def test_places_that_a_reload_brings_are_those_of_the_next_estimate() -> None:
    """Without places a network event has none; with them it has."""
    run = Run(live=True, inventory=EMPTY)
    run.send_and_wait(MESSAGES[:1])
    run.thread.adopt(CONFIG, INVENTORY)
    run.send(MESSAGES[1:])
    run.thread.finish(60)
    network = [one for one in run.told if isinstance(one, NetworkEventMessage)]
    assert network
    assert all(one.latitude_deg is not None for one in network)


def test_rules_that_a_reload_brings_are_those_of_the_next_estimate_and_of_the_file(
    tmp_path: Path,
) -> None:
    """The next run has them, too, and goes on with what these made."""
    few = replace(CONFIG, min_magnitude=9.0)
    run = Run(live=True, journal=kept(tmp_path))
    run.send_and_wait(MESSAGES[:1])
    run.thread.adopt(few, INVENTORY)
    run.send(MESSAGES[1:])
    run.thread.finish(60)
    assert run.told
    assert not any(isinstance(one, NetworkEventMessage) for one in run.told)
    assert EventFile(tmp_path / "events", CONFIG, "v2").load() is None
    assert EventFile(tmp_path / "events", few, "v2").load() is not None


def test_run_without_estimates_ends_at_once() -> None:
    run = Run(live=True)
    run.thread.finish(60)
    assert run.told == []
    assert run.process.pid is None


def test_process_that_is_lost_in_a_reload_takes_no_rules_along(tmp_path: Path) -> None:
    few = replace(CONFIG, min_magnitude=9.0)
    run = Run(live=True, journal=kept(tmp_path))
    pid = run.send_and_wait(MESSAGES[:1])
    wait_until(lambda: len(run.thread._journal.held[1]) == 1)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid))
    run.thread.adopt(few, INVENTORY)
    with capture_logs() as logs:
        run.send(MESSAGES[1:])
        run.thread.finish(60)
    assert [one["event"] for one in logs] == ["events_restarted"]
    assert run.thread.passed_over == 0
    assert run.told
    assert not any(isinstance(one, NetworkEventMessage) for one in run.told)
    assert EventFile(tmp_path / "events", CONFIG, "v2").load() is None
    left = EventFile(tmp_path / "events", few, "v2").load()
    assert left is not None
    assert left[0].sensors


def test_rules_that_a_reload_brings_before_any_estimate_are_those_of_the_next_run(
    tmp_path: Path,
) -> None:
    few = replace(CONFIG, min_magnitude=9.0)
    left_by_a_killed_run(tmp_path, 5)
    run = Run(live=True, journal=kept(tmp_path))
    run.thread.adopt(few, INVENTORY)
    run.thread.finish(60)
    assert EventFile(tmp_path / "events", CONFIG, "v2").load() is None
    left = EventFile(tmp_path / "events", few, "v2").load()
    assert left is not None
    assert len(left[1]) == 5


def test_events_that_cannot_be_sent_are_one_line_a_minute() -> None:
    run = Run(live=True)
    attempts: list[EventMessage] = []

    def broken(message: EventMessage) -> None:
        attempts.append(message)
        raise RuntimeError("a bug")

    send = run.thread.following(lambda _message, _arrived_ns: 1, broken)
    with capture_logs() as logs:
        for message in MESSAGES:
            send(message, 0)
        run.thread.finish(60)
    assert len(attempts) > 1
    assert [(one["event"], one["events"]) for one in logs] == [("event_failed", 1)]
    assert run.thread.passed_over == 0


def test_estimates_that_cannot_be_made_ready_are_passed_over_and_not_held(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("a bug")

    run = Run(live=True, journal=kept(tmp_path))
    run.send_and_wait(MESSAGES[:1])
    wait_until(lambda: len(run.thread._journal.held[1]) == 1)
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr("umamba_rt.event_thread.notes_of", broken)
        for message in MESSAGES[1:40]:
            run.send([message])
        wait_until(lambda: run.thread.passed_over == 39)
        assert run.thread._journal.untold == []
    assert [one["event"] for one in logs] == ["event_failed"]
    run.send(MESSAGES[40:])
    run.thread.finish(60)
    assert run.told


def test_thread_with_a_file_goes_on_over_its_end(tmp_path: Path) -> None:
    told: list[EventMessage] = []
    for part in (MESSAGES[:100], MESSAGES[100:]):
        run = Run(live=True, journal=kept(tmp_path))
        run.send([one for message in part for one in (message, replace(message, revision=1))])
        run.thread.finish(10.0)
        assert run.thread.saves_failed == 0
        told += run.told
    once = [one for number, one in enumerate(told) if one not in told[:number]]
    process = EventProcess(CONFIG, INVENTORY, V2)
    journal = kept(tmp_path)
    process.start(*journal.held)
    once += flat(process.finish())
    process.close()
    journal.close()
    assert once == taken(MESSAGES)
    assert len(told) > len(once) - 1  # the open ones came twice


def test_what_a_killed_run_had_noted_and_not_told_is_told(tmp_path: Path) -> None:
    left_by_a_killed_run(tmp_path, 200)
    run = Run(live=True, journal=kept(tmp_path))
    run.send(MESSAGES[190:])
    run.thread.finish(60)
    once = [one for number, one in enumerate(run.told) if one not in run.told[:number]]
    assert len(once) > len(STATIONS)
    assert once == taken(MESSAGES)[: len(once)]  # but for what waits for stations that lag

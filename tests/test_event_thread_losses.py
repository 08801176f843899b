"""event_thread.py over processes that are lost, hang, or die of what they go on from."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.endpoints import wait_until
from tests.event_runs import MESSAGES, Run, kept
from tests.test_event_process import is_running, wait_less_for
from tests.test_events import CONFIG, INVENTORY, V2, taken
from umamba_rt.core.event_state import SavedEvents
from umamba_rt.events import Events, Note
from umamba_rt.io.event_file import EventFile
from umamba_rt.readings import unread
from umamba_rt.wire.event_message import NetworkEventMessage


def test_process_that_is_lost_is_told_and_another_goes_on() -> None:
    """Nothing is read twice, and nothing left out; what was told at last is told again."""
    run = Run(live=True)
    with capture_logs() as logs:
        for begin in range(0, len(MESSAGES), 150):
            pid = run.send_and_wait(MESSAGES[begin : begin + 150])
            wait_until(run.thread._waiting.empty)
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda pid=pid: not is_running(pid))  # type: ignore[misc]
            run.send(MESSAGES[begin : begin + 1])  # read already: the loss is noticed
            wait_until(lambda pid=pid: run.process.has_begun and run.process.pid != pid)  # type: ignore[misc]
    run.thread.finish(60)
    kills = len(range(0, len(MESSAGES), 150))
    assert run.thread.restarts == kills
    assert run.thread.passed_over == 0
    assert logs[0]["event"] == "events_restarted"
    whole = taken(MESSAGES)
    once = [one for number, one in enumerate(run.told) if one not in run.told[:number]]
    latest = {one.event_id: one for one in whole}
    assert {one.event_id: one for one in once} == latest
    assert all(one in whole for one in once)


def test_estimates_that_no_process_outlives_are_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("umamba_rt.event_thread._BEFORE_ANOTHER_S", 0.01)
    monkeypatch.setattr("sys.executable", "/nonexistent/python")
    run = Run(live=True)
    with capture_logs() as logs:
        run.send(MESSAGES[:5])
        wait_until(lambda: run.thread.passed_over == 5)
    monkeypatch.undo()
    run.send(MESSAGES[5:])
    run.thread.finish(60)
    assert run.thread.restarts >= 2
    assert logs[0]["event"] == "events_restarted"
    assert "/nonexistent/python" in logs[0]["reason"]
    assert {one.event_id for one in run.told} == {one.event_id for one in taken(MESSAGES)}


def test_process_that_hangs_is_replaced_and_nothing_is_lost() -> None:
    run = Run(live=True)
    pid = run.send_and_wait(MESSAGES[:1])
    wait_until(lambda: len(run.thread._journal.held[1]) == 1)
    wait_less_for(run.process, 1)
    os.kill(pid, signal.SIGSTOP)
    with capture_logs() as logs:
        run.send(MESSAGES[1:])
        run.thread.finish(60)
    assert [(one["event"], one["reason"]) for one in logs] == [
        ("events_restarted", "no answer within 60 s")
    ]
    assert not is_running(pid)
    assert run.told == taken(MESSAGES)
    assert (run.thread.passed_over, run.thread.restarts) == (0, 1)


def test_state_that_no_process_outlives_is_set_aside_and_events_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("umamba_rt.event_thread._BEFORE_ANOTHER_S", 0.01)
    content = left_with_an_event_that_cannot_be_told(tmp_path)
    run = Run(live=True, journal=kept(tmp_path))
    with capture_logs() as logs:
        # Two processes are lost over no estimate, two over the first, which is given up.
        run.send(MESSAGES[:1])
        wait_until(lambda: run.thread.passed_over == 1, 60)
        run.send(MESSAGES[1:])
        run.thread.finish(60)
    assert [one["event"] for one in logs] == ["events_restarted", "state_set_aside"]
    assert (logs[1]["file"], logs[1]["kind"]) == (str(tmp_path / "events"), "unusable")
    (aside,) = tmp_path.glob("events.unusable-*")
    assert aside.read_bytes().startswith(content)
    assert (run.thread.passed_over, run.thread.restarts) == (1, 4)
    assert {one.event_id for one in run.told} == {one.event_id for one in taken(MESSAGES)}
    left = EventFile(tmp_path / "events", CONFIG, "v2").load()
    assert left is not None
    assert left[0].sensors


def left_with_an_event_that_cannot_be_told(folder: Path) -> bytes:
    """A state of which each process dies at once; gives what the file holds."""
    events = Events(CONFIG, INVENTORY, V2)
    for message in MESSAGES:
        if one := unread(message, "v2"):
            list(events.read(Note(one.reading)))
    saved = events.saved
    (first, *others) = saved.network.forming
    assert first.latest is not None
    spoilt = replace(first, latest=replace(first.latest, state="updated", stations=()))
    network = replace(saved.network, forming=(spoilt, *others))
    file = EventFile(folder / "events", CONFIG, "v2")
    file.begin(replace(saved, sensors=(), waiting=(), network=network), [])
    file.close()
    return file.path.read_bytes()


def test_where_none_can_begin_the_state_stays_and_the_file_does_not_grow_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a virtual environment that was replaced under a running daemon."""
    monkeypatch.setattr("umamba_rt.event_thread._BEFORE_ANOTHER_S", 0.001)
    monkeypatch.setattr("umamba_rt.event_journal._MOST_LINES", 50)
    run = Run(live=True, journal=kept(tmp_path))
    run.send(MESSAGES[:100])
    run.thread.finish(60)
    held = (tmp_path / "events").read_bytes()
    monkeypatch.setattr("sys.executable", "/nonexistent/python")
    run = Run(live=True, journal=kept(tmp_path))
    with capture_logs() as logs:
        for number, message in enumerate(MESSAGES[100:400], 1):
            run.send([message])
            if number % 20 == 0:
                wait_until(lambda number=number: run.thread.passed_over == number)  # type: ignore[misc]
        assert run.thread.restarts > 20
    content = (tmp_path / "events").read_bytes()
    assert content.startswith(held.splitlines()[0])
    assert len(content.splitlines()) < 100
    assert [one["event"] for one in logs] == ["events_restarted"]
    assert [path.name for path in tmp_path.iterdir()] == ["events"]
    monkeypatch.undo()
    run.send(MESSAGES[400:])
    run.thread.finish(60)
    whole = {one.event_id for one in taken(MESSAGES) if isinstance(one, NetworkEventMessage)}
    assert whole & {one.event_id for one in run.told}


def test_events_that_never_say_where_they_are_are_not_held_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each process is killed as it is asked."""
    monkeypatch.setattr("umamba_rt.event_thread._BEFORE_ANOTHER_S", 0.01)
    monkeypatch.setattr("umamba_rt.event_journal._MOST_READINGS", 20)
    monkeypatch.setattr("umamba_rt.event_journal._MOST_HELD", 60)
    run = Run(live=True, journal=kept(tmp_path))
    saved = run.process.saved

    def killed() -> SavedEvents:
        run.process.kill()
        return saved()

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(run.process, "saved", killed)
        for begin in range(0, 100, 20):
            run.send(MESSAGES[begin : begin + 20])
            wait_until(lambda begin=begin: run.thread.restarts >= begin // 20 + 1, 30)  # type: ignore[misc]
    run.send(MESSAGES[100:])
    run.thread.finish(60)
    assert [one["event"] for one in logs] == ["events_restarted", "state_set_aside"]
    assert len(list(tmp_path.glob("events.unusable-*"))) == 1
    assert run.thread.passed_over == 0
    assert {one.event_id for one in run.told} == {one.event_id for one in taken(MESSAGES)}

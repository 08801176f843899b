"""event_process.py: the same events from another process, which may be lost."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.endpoints import wait_until
from tests.test_event_journal import unread_of
from tests.test_events import CONFIG, INVENTORY, V2, estimates, hidden_estimates, taken
from umamba_rt.core.event_state import SavedEvents
from umamba_rt.core.inventory import EMPTY
from umamba_rt.event_process import EventProcess, ProcessLostError
from umamba_rt.events import EventMessage, Note, Told
from umamba_rt.readings import notes_of
from umamba_rt.wire.event_message import NetworkEventMessage

MESSAGES = list(estimates())
NOTES = notes_of(unread_of(MESSAGES))


@pytest.fixture
def process() -> Iterator[EventProcess]:
    made = EventProcess(CONFIG, INVENTORY, V2)
    made.start(SavedEvents(), [])
    yield made
    made.close()


def flat(*answers: Told) -> list[EventMessage]:
    return [one for told in answers for messages in told.messages for one in messages]


def test_it_tells_what_is_told_without_it(process: EventProcess) -> None:
    told = flat(process.read(NOTES[:100]), process.read(NOTES[100:]), process.finish())
    assert told == taken(MESSAGES)


def test_rises_reach_it_and_tell_a_hidden_earthquake(process: EventProcess) -> None:
    told = process.read(notes_of(unread_of(hidden_estimates())))
    assert flat(told, process.finish()) == taken(hidden_estimates()) != []


def test_another_goes_on_where_it_was(process: EventProcess) -> None:
    told = flat(process.read(NOTES[:200]))
    saved, pid = process.saved(), process.pid
    told += flat(process.read(NOTES[200:250]))
    assert not flat(process.start(saved, [note.reading for note in NOTES[200:250]]))
    again = flat(process.told_again())
    assert process.pid != pid
    assert again
    assert all(one in told for one in again)
    told += flat(process.read(NOTES[250:]), process.finish())
    assert told == taken(MESSAGES)


def test_places_that_it_is_given_are_those_of_the_next_estimate() -> None:
    process = EventProcess(CONFIG, EMPTY, V2)
    process.start(SavedEvents(), [])
    process.adopt(CONFIG, INVENTORY)
    told = process.read(NOTES)
    process.start(SavedEvents(), [])
    again = process.read(NOTES)
    process.close()
    network = [one for one in flat(told, again) if isinstance(one, NetworkEventMessage)]
    assert network
    assert all(one.latitude_deg is not None for one in network)


def test_other_rules_go_on_with_the_events_that_there_are(process: EventProcess) -> None:
    """Their names and revisions stay, and what was open is told of as before."""
    told = flat(process.read(NOTES[:200]))
    process.adopt(replace(CONFIG, scan_score=99.0), INVENTORY)
    told += flat(process.read(NOTES[200:]), process.finish())
    assert told == taken(MESSAGES)


def test_rules_hold_from_the_next_estimate_on(process: EventProcess) -> None:
    network = [one for one in taken(MESSAGES) if isinstance(one, NetworkEventMessage)]
    process.adopt(replace(CONFIG, min_magnitude=9.0), INVENTORY)
    told = flat(process.read(NOTES), process.finish())
    assert network
    assert told == [one for one in taken(MESSAGES) if one not in network]


def test_estimate_that_cannot_be_read_hinders_no_other(process: EventProcess) -> None:
    broken = Note(None)  # type: ignore[arg-type]
    told = process.read(NOTES)
    process.start(SavedEvents(), [])
    with pytest.raises(ProcessLostError):
        process.read([broken])  # it has not even a station to be named by
    assert process.pid is None
    process.start(SavedEvents(), [])
    station = NOTES[50].reading
    spoilt = Note(type(station)(station.group, station.end_ns, None, 1.0, None, None, False, "m/s"))  # type: ignore[arg-type]
    answer = process.read([*NOTES[:50], spoilt, *NOTES[51:]])
    assert [name for name, _ in answer.failures] == [str(station.group)]
    assert "Traceback" in answer.failures[0][1]
    assert answer.messages[:50] == told.messages[:50]
    assert len(flat(answer)) >= len(flat(told)) - 2


def test_process_that_is_killed_is_told_and_the_next_one_serves(process: EventProcess) -> None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(ProcessLostError):
        process.read(NOTES)
    assert process.pid is None
    with pytest.raises(ProcessLostError, match="none runs"):
        process.saved()
    process.start(SavedEvents(), [])
    assert flat(process.read(NOTES), process.finish()) == taken(MESSAGES)


@pytest.mark.parametrize("times", [1, 10])
def test_process_that_hangs_is_killed_and_the_next_one_serves(
    process: EventProcess, times: int
) -> None:
    """It takes the request, or not even that: ten times these are more than a pipe holds."""
    pid = process.pid
    assert pid is not None
    wait_less_for(process, 1)
    os.kill(pid, signal.SIGSTOP)
    notes = [replace(one, reading=replace(one.reading)) for _ in range(times) for one in NOTES]
    begun_s = time.monotonic()
    with pytest.raises(ProcessLostError, match="no answer within 60 s"):
        process.read(notes)
    assert 0.9 < time.monotonic() - begun_s < 30
    assert process.pid is None
    assert not is_running(pid)
    process.start(SavedEvents(), [])
    assert flat(process.read(NOTES), process.finish()) == taken(MESSAGES)


def wait_less_for(process: EventProcess, limit_s: int) -> None:
    """Than the minute that each of its answers may take."""
    assert process._pipe
    with socket.socket(fileno=os.dup(process._pipe.fileno())) as ours:
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            held = ours.getsockopt(socket.SOL_SOCKET, option, 16)
            assert struct.unpack("ll", held) == (60, 0)
            ours.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", limit_s, 0))


def test_signals_to_all_processes_of_the_daemon_do_not_end_it(process: EventProcess) -> None:
    assert process.pid is not None
    process.saved()  # it serves, and so has seen to its signals
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(process.pid, number)
    assert flat(process.read(NOTES), process.finish()) == taken(MESSAGES)


def test_it_ends_with_the_process_that_began_it() -> None:
    code = (
        "import os, signal\n"
        "from tests.test_event_process import *\n"
        "process = EventProcess(CONFIG, INVENTORY, V2)\n"
        "process.start(SavedEvents(), [])\n"
        "print(process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=False)
    pid = int(ran.stdout)
    wait_until(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    """Whether there is such a process, other than one that has ended and nobody has asked after."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_it_needs_neither_scipy_nor_torch_nor_sockets() -> None:
    code = (
        "import sys, umamba_rt.event_server\n"
        "print({'scipy', 'torch', 'zmq', 'structlog', 'openvino'} & set(sys.modules))\n"
    )
    found = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert found == "set()\n"

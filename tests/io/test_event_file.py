"""io/event_file.py: what is written is read; what is damaged is told, and costs itself alone."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.test_events import CONFIG, INVENTORY, V2, estimates
from umamba_rt.core.event_state import SavedEvents
from umamba_rt.core.station_event import Reading
from umamba_rt.events import Events, Note
from umamba_rt.io.event_file import EventFile
from umamba_rt.readings import unread

READINGS = [one.reading for one in map(partial(unread, model="v2"), estimates()) if one]


def some_events() -> SavedEvents:
    """In the midst of an earthquake: open, waiting and told ones."""
    events = Events(CONFIG, INVENTORY, V2)
    for reading in READINGS[: len(READINGS) // 3]:
        list(events.read(Note(reading)))
    return events.saved


SAVED = some_events()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[EventFile]:
    made = EventFile(tmp_path / "events", CONFIG, "v2")
    yield made
    made.close()


def test_state_and_readings_come_back_as_they_were(file: EventFile, tmp_path: Path) -> None:
    assert SAVED.network.forming
    assert SAVED.waiting
    assert file.load() is None
    file.begin(SAVED, READINGS[:3])
    for reading in READINGS[3:40]:
        file.append(reading)
    assert file.load() == (SAVED, READINGS[:40], 0)
    file.begin(SAVED, [])
    file.append(READINGS[5])
    file.close()
    file.append(READINGS[6])  # nothing is behind the end
    assert file.load() == (SAVED, [READINGS[5]], 0)
    assert [path.name for path in tmp_path.iterdir()] == ["events"]
    assert file.saved_ns() > 0


@pytest.mark.parametrize("cut", [1, 2, 30, 150])
def test_torn_end_costs_the_torn_line(file: EventFile, cut: int) -> None:
    file.begin(SAVED, READINGS[:10])
    file.path.write_bytes(file.path.read_bytes()[:-cut])
    with capture_logs() as logs:
        assert file.load() == (SAVED, READINGS[:9], 0)
    assert [(one["event"], one["reason"][:8]) for one in logs] == [
        ("events_unreadable", "line 11:")
    ]


def test_any_flipped_bit_is_told_and_nothing_wrong_is_read(file: EventFile) -> None:
    file.begin(SAVED, READINGS[:4])
    whole = file.path.read_bytes()
    head = whole.index(b"\n")
    for place in [*range(0, head, 997), *range(head, len(whole), 13)]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        file.path.write_bytes(flipped)
        with capture_logs() as logs:
            found = file.load()
        assert [one["event"] for one in logs] == ["events_unreadable"], place
        if found is None:
            assert place <= head
        else:
            assert place > head
            assert found == (SAVED, READINGS[: len(found[1])], 0)


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n", b"\xff" * 5000])
def test_what_is_something_else_is_told(file: EventFile, content: bytes) -> None:
    file.path.write_bytes(content)
    with capture_logs() as logs:
        assert file.load() is None
    assert [one["event"] for one in logs] == ["events_unreadable"]
    file.begin(SAVED, [])
    assert file.load() == (SAVED, [], 0)


def test_another_version_is_told_and_other_rules_are_passed_over(
    file: EventFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.begin(SAVED, [])
    others = replace(CONFIG, min_stations=5)
    with capture_logs() as logs:
        assert EventFile(tmp_path / "events", others, "v2").load() is None
        assert EventFile(tmp_path / "events", CONFIG, "v1").load() is None
    assert logs == []
    monkeypatch.setattr("umamba_rt.io.event_file._VERSION", 2)
    with capture_logs() as logs:
        assert file.load() is None
    assert [one["reason"] for one in logs] == ["found version 1, expected 2"]


def test_disk_that_takes_no_more_raises_and_leaves_whole_lines(file: EventFile) -> None:
    """In a process of its own, whose files may be no longer than 200 kB."""
    code = (
        "from tests.io.test_event_file import *\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        f"file, failed = EventFile(Path({str(file.path)!r}), CONFIG, 'v2'), 0\n"
        "file.begin(SAVED, [])\n"
        "for _ in range(5):\n"
        "    for reading in READINGS:\n"
        "        try: file.append(reading)\n"
        "        except OSError: failed += 1\n"
        "print(failed)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"  # behind a failure nothing is written before the next beginning
    with capture_logs() as logs:
        found = file.load()
    assert found is not None
    state, readings, told = found
    assert state == SAVED
    assert readings == (READINGS * 5)[: len(readings)]
    assert len(readings) > 100
    assert told == 0
    assert len(logs) <= 1
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] < 0


def test_beginning_that_fails_leaves_the_old_file(file: EventFile, tmp_path: Path) -> None:
    file.begin(SAVED, READINGS[:2])
    (tmp_path / "events.new").mkdir()
    with pytest.raises(OSError, match=r"events\.new"):
        file.begin(SavedEvents(), [])
    assert file.load() == (SAVED, READINGS[:2], 0)


def test_readings_keep_every_digit(file: EventFile) -> None:
    odd = [replace(READINGS[0], magnitude=0.1 + 0.2, uncertainty=1e-17, snr_db=-5e300)]
    file.begin(SAVED, odd)
    found = file.load()
    assert found is not None
    assert [isinstance(one, Reading) for one in found[1]] == [True]
    assert found[1] == odd


def test_last_number_says_of_how_many_it_was_told(file: EventFile) -> None:
    file.begin(SAVED, READINGS[:4], 3)
    assert file.load() == (SAVED, READINGS[:4], 3)
    file.append(READINGS[4])
    file.append(4)
    file.append(READINGS[5])
    assert file.load() == (SAVED, READINGS[:6], 4)

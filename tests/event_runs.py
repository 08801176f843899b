"""A thread of events, its process, and what was told: for the tests of both."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.endpoints import wait_until
from tests.test_event_process import is_running
from tests.test_events import CONFIG, INVENTORY, V2, estimates
from umamba_rt.core.inventory import Inventory
from umamba_rt.event_journal import EventJournal
from umamba_rt.event_process import EventProcess
from umamba_rt.event_thread import EventThread
from umamba_rt.events import EventMessage
from umamba_rt.io.event_file import EventFile
from umamba_rt.readings import unread
from umamba_rt.wire.message import Magnitude

MESSAGES = list(estimates())


class Run:
    """A thread, its process, and what was told."""

    def __init__(
        self, *, live: bool, journal: EventJournal | None = None, inventory: Inventory = INVENTORY
    ) -> None:
        self.told: list[EventMessage] = []
        self.process = EventProcess(CONFIG, inventory, V2)
        self.thread = EventThread(self.process, "v2", journal or EventJournal(), live=live)
        self._through = self.thread.following(lambda _message, _arrived_ns: 1, self.told.append)

    def send(self, messages: list[Magnitude]) -> None:
        for message in messages:
            assert self._through(message, 0) == 1

    def send_and_wait(self, messages: list[Magnitude]) -> int:
        """Until the process has begun; gives its number."""
        self.send(messages)
        wait_until(lambda: self.process.has_begun)
        assert self.process.pid is not None
        return self.process.pid

    @contextmanager
    def held(self) -> Iterator[None]:
        """While the process does nothing."""
        pid = self.send_and_wait(MESSAGES[:1])
        wait_until(self.thread._waiting.empty)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            if is_running(pid):
                os.kill(pid, signal.SIGCONT)


def kept(folder: Path) -> EventJournal:
    return EventJournal(EventFile(folder / "events", CONFIG, "v2"))


def left_by_a_killed_run(folder: Path, count: int) -> None:
    """So many estimates noted, and none told of."""
    journal = kept(folder)
    for message in MESSAGES[:count]:
        one = unread(message, "v2")
        assert one is not None
        journal.note(one.reading)
    journal.close()

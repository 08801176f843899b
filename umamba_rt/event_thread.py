"""Events beside the estimates: no estimate waits for the search of an earthquake's source."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

import structlog

from umamba_rt.config.events import EventsConfig
from umamba_rt.core.event_state import SavedEvents
from umamba_rt.core.inventory import Inventory
from umamba_rt.core.station_event import Reading
from umamba_rt.event_journal import EventJournal
from umamba_rt.event_process import EventProcess, ProcessLostError
from umamba_rt.events import EventMessage, Note, Told
from umamba_rt.rate_limit import RateLimit
from umamba_rt.readings import Unread, notes_of, unread
from umamba_rt.wire.message import Magnitude

Send: TypeAlias = Callable[[Magnitude, int], int]

# Estimates that wait: half a minute of 300 stations; and those that are told at once.
_MOST_WAITING, _MOST_AT_ONCE = 10_000, 300
_WARN_EVERY_S = 60.0
# Woken by each estimate the thread would take turns with the one that sends them; an event that
# is told 50 ms later is none the worse.
_REST_S = 0.05
# Before another process takes the place of one that was lost; and how many may be lost over the
# same estimates until those are given up.
_BEFORE_ANOTHER_S, _MOST_LOST = 0.5, 2
# Processes lost in a row before their first answer, until what they go on from is suspect.
_MOST_UNANSWERED = 5


class EventThread:
    """Has an `EventProcess` read estimates after they were sent, and sends what it tells.

    Attributes:
        passed_over: estimates that events were not made of, as too many waited, which happens in no
            replay; or as no process outlived them.
        restarts: processes that took the place of one that was lost.
    """

    def __init__(
        self, process: EventProcess, model: str, journal: EventJournal, *, live: bool
    ) -> None:
        """Prepare; the process is loaded, and the thread begins with ``begin`` or an estimate.

        Args:
            process: used by the thread alone.
            model: name of the one whose estimates make events.
            journal: of these events.
            live: rather pass over an estimate than hold up the one that sends it.
        """
        self.passed_over = self.restarts = self._unanswered = 0
        self._process, self._model, self._journal, self._live = process, model, journal, live
        self._waiting: queue.Queue[Unread | None] = queue.Queue(_MOST_WAITING)
        self._left = journal.untold
        self._pause_s, self._ends = 0.0, threading.Event()
        self._send: Callable[[EventMessage], object] | None = None
        self._thread = threading.Thread(target=self._run, name="umamba-events", daemon=True)
        self._adopted: deque[tuple[EventsConfig, Inventory]] = deque(maxlen=1)
        self._abandoned = threading.Event()
        self._behind, self._lost, self._failed = (RateLimit(_WARN_EVERY_S) for _ in range(3))
        self._log = structlog.get_logger()
        with contextlib.suppress(ProcessLostError):  # the thread tries again, and tells
            process.load()

    @property
    def saves_failed(self) -> int:
        """Writes of the journal that failed."""
        return self._journal.failures

    def following(self, send: Send, send_event: Callable[[EventMessage], object]) -> Send:
        """The same way to send estimates, each followed in its time by what it makes due.

        Args:
            send: sends an estimate.
            send_event: sends an event message; called from the thread.
        """
        self._send = send_event

        def send_and_note(message: Magnitude, arrived_ns: int) -> int:
            one = unread(message, self._model)
            if one is None or self._is_behind():
                return send(message, arrived_ns)
            self._journal.note(one.reading)
            seq = send(message, arrived_ns)
            self._start()
            self._waiting.put(one)  # full only in replay: nobody else puts
            return seq

        return send_and_note

    def begin(self, pause_s: float, oldest_ns: int) -> None:
        """Tell what an earlier run left: stations may be silent.

        Args:
            pause_s: until its subscribers have come back.
            oldest_ns: what ended before that waits for an estimate, which closes what it left open.
        """
        if self._journal.latest_ns > oldest_ns:
            self._pause_s = pause_s
            self._start()

    def adopt(self, config: EventsConfig, inventory: Inventory) -> None:
        """Go by other rules and places from the next estimate on."""
        self._adopted.append((config, inventory))

    def finish(self, limit_s: float) -> None:
        """Let the thread send what waits, and what else is due unless a next run goes on.

        Args:
            limit_s: for all of it; after that nothing is sent any more.
        """
        if self._thread.ident is None:
            self._close()
            return
        self._ends.set()
        ends_s = time.monotonic() + limit_s
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=limit_s)
        self._thread.join(max(0.0, ends_s - time.monotonic()))
        self._abandoned.set()
        if self._thread.is_alive():
            self._log.warning("events_abandoned", waiting=self._waiting.qsize())
            self._process.kill()

    def _is_behind(self) -> bool:
        """Whether an estimate has to be passed over; counts it then."""
        if not self._live or not self._waiting.full():
            return False
        self.passed_over += 1
        if (times := self._behind.passes()) is not None:
            self._log.warning("events_behind", passed_over=self.passed_over, events=times)
        return True

    def _start(self) -> None:
        if self._thread.ident is None:
            self._thread.start()

    def _run(self) -> None:
        self._ends.wait(self._pause_s)
        some: list[Unread] = []  # what an earlier run left is told without an estimate
        is_last = False
        try:
            while True:
                try:
                    self._read(some)
                except Exception:  # noqa: BLE001 - estimates go on; the operator reads why
                    self._has_failed(exc_info=True)
                    self._pass_over(some)
                if self._abandoned.is_set():
                    return
                if is_last:
                    break
                if self._live and self._waiting.empty():
                    self._abandoned.wait(_REST_S)
                some, is_last = self._some()
            self._end()
        finally:
            self._close()

    def _close(self) -> None:
        self._process.close()
        if self._adopted and not self._abandoned.is_set():  # the next run goes on all the same
            self._journal.adopt(self._adopted.popleft()[0], None)
        self._journal.close()

    def _some(self) -> tuple[list[Unread], bool]:
        """What waits, one estimate at least; and whether none comes behind it."""
        some: list[Unread] = []
        one = self._waiting.get()
        while one is not None:
            some.append(one)
            if len(some) == _MOST_AT_ONCE or self._waiting.empty():
                return some, False
            one = self._waiting.get()
        return some, True

    def _read(self, some: Sequence[Unread]) -> None:
        """Tell what estimates make due; if need be with a second process."""
        readings, notes = [one.reading for one in some], notes_of(some)
        for _ in range(_MOST_LOST):
            try:
                self._keep_running()
                told = self._process.read(notes)
            except ProcessLostError as error:
                if self._abandoned.is_set():
                    return
                self._has_lost(error)
            else:
                self._tell(told, readings)
                self._shorten()
                return
        self._pass_over(some)

    def _pass_over(self, some: Sequence[Unread]) -> None:
        self.passed_over += len(some)
        self._journal.passed([one.reading for one in some])

    def _shorten(self) -> None:
        if self._journal.is_long and not self._abandoned.is_set():
            try:
                self._journal.save(self._process.saved())
            except ProcessLostError as error:
                self._has_lost(error)
                if self._journal.is_endless:
                    self._journal.set_aside(str(error))

    def _keep_running(self) -> None:
        if not self._process.has_begun:
            self._begin_process()
        if self._adopted:
            config, inventory = self._adopted.popleft()
            try:
                self._process.adopt(config, inventory)
                saved = self._process.saved()
            except ProcessLostError:
                self._journal.adopt(config, None)  # by these rules the next one begins
                raise
            self._journal.adopt(config, saved)

    def _begin_process(self) -> None:
        """Have a process go on; from nothing where it is what is held that none outlives."""
        try:
            self._go_on()
        except ProcessLostError:
            self._unanswered += 1
            if self._unanswered < _MOST_UNANSWERED or (self._journal.is_empty and not self._left):
                raise
            self._process.start(SavedEvents(), [])  # or the fault lies elsewhere, and this raises
            try:
                self._go_on()  # the fault may have been put right by now
            except ProcessLostError as error:
                if self._abandoned.is_set():
                    raise
                self.passed_over += len(self._left)
                self._journal.passed(self._left)
                self._left = []
                self._journal.set_aside(str(error))
                self._process.start(*self._journal.held)
        self._unanswered = 0

    def _go_on(self) -> None:
        self._tell(self._process.start(*self._journal.held))
        # First what the last run noted and did not tell, so that no event goes back.
        self._tell(self._process.read([Note(reading) for reading in self._left]), self._left)
        self._left = []
        self._tell(self._process.told_again())

    def _has_lost(self, error: ProcessLostError) -> None:
        self.restarts += 1
        if (times := self._lost.passes()) is not None:
            self._log.warning("events_restarted", reason=str(error), events=times)
        self._abandoned.wait(_BEFORE_ANOTHER_S)

    def _end(self) -> None:
        """What else is due, or where the next run goes on."""
        try:
            if self._journal.outlives:
                self._journal.save(self._process.saved())
            else:
                self._tell(self._process.finish())
        except ProcessLostError as error:
            self._log.warning("events_lost_at_end", reason=str(error))

    def _tell(self, told: Told, readings: Sequence[Reading] = ()) -> None:
        """Send what estimates made due; what was told of is then noted as that."""
        for station, why in told.failures:
            self._has_failed(station=station, exception=why)
        noted = 0
        for number, messages in enumerate(told.messages, 1):
            if messages:
                if not self._send_all(messages):
                    return
                self._journal.taken(readings[noted:number])
                noted = number
        self._journal.taken(readings[noted:])

    def _send_all(self, messages: Sequence[EventMessage]) -> bool:
        """False where the run has ended meanwhile."""
        try:
            for message in messages:
                if self._abandoned.is_set() or self._send is None:
                    return False
                self._send(message)
        except Exception:  # noqa: BLE001 - estimates go on; the operator reads why
            self._has_failed(exc_info=True)
        return True

    def _has_failed(self, **about: object) -> None:
        if (times := self._failed.passes()) is not None:
            self._log.error("event_failed", events=times, **about)

"""Events in a thread of their own: no estimate waits for the search of an earthquake's source."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

import structlog

from umamba_rt.core.inventory import Inventory
from umamba_rt.core.rise import Tail
from umamba_rt.core.station_event import Reading
from umamba_rt.event_journal import EventJournal
from umamba_rt.events import EventMessage, Events, Send
from umamba_rt.rate_limit import RateLimit
from umamba_rt.wire.message import Magnitude

# Estimates that wait: half a minute of 300 stations.
_MOST_WAITING = 10_000
_WARN_EVERY_S = 60.0
# Woken by each estimate the thread would take turns with the one that sends them; an event that
# is told 50 ms later is none the worse.
_REST_S = 0.05


class EventThread:
    """Has `Events` take estimates after they were sent.

    A search for a source among a hundred onsets takes 4 ms, and with 300 stations in a swarm
    there are ten a second and more, with as many sources found anew as their onsets join.

    Attributes:
        passed_over: estimates that events were not made of, as too many waited; in replay none is.
    """

    def __init__(self, events: Events, *, live: bool, journal: EventJournal | None = None) -> None:
        """Prepare; the thread begins with the first estimate.

        Args:
            events: used by the thread alone.
            live: rather pass over an estimate than hold up the one that sends it.
            journal: of these events, already resumed; None: they do not outlive the process.
        """
        self.passed_over = 0
        self._events, self._live, self._journal = events, live, journal
        self._waiting: queue.Queue[tuple[Reading, Tail | None] | None] = queue.Queue(_MOST_WAITING)
        self._send: Callable[[EventMessage], object] | None = None
        self._thread = threading.Thread(target=self._run, name="umamba-events", daemon=True)
        self._adopted: deque[Inventory] = deque(maxlen=1)
        self._abandoned = threading.Event()
        self._warning = RateLimit(_WARN_EVERY_S)
        self._log = structlog.get_logger()

    @property
    def saves_failed(self) -> int:
        """Writes of the journal that failed."""
        return self._journal.failures if self._journal else 0

    def following(self, send: Send, send_event: Callable[[EventMessage], object]) -> Send:
        """The same way to send estimates, each followed in its time by what it makes due.

        Args:
            send: sends an estimate.
            send_event: sends an event message; called from the thread.
        """
        self._send = send_event

        def send_and_note(message: Magnitude, arrived_ns: int) -> int:
            reading = self._events.reading(message)
            if reading is None or self._is_behind():
                return send(message, arrived_ns)
            if self._journal:
                self._journal.note(reading)
            seq = send(message, arrived_ns)
            if self._thread.ident is None:
                self._thread.start()
            self._waiting.put((reading, message.tail))  # full only in replay: nobody else puts
            return seq

        return send_and_note

    def adopt(self, inventory: Inventory) -> None:
        """Go by other places from the next estimate on."""
        self._adopted.append(inventory)

    def finish(self, limit_s: float) -> None:
        """Let the thread send what waits, and without a journal what else is due at the end.

        With one, the next run goes on with that.

        Args:
            limit_s: for all of it; after that nothing is sent any more.
        """
        if not self._thread.is_alive():
            if self._journal and self._thread.ident is None:
                self._journal.close()
            return
        ends_s = time.monotonic() + limit_s
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=limit_s)
        self._thread.join(max(0.0, ends_s - time.monotonic()))
        self._abandoned.set()
        if self._thread.is_alive():
            self._log.warning("events_abandoned", waiting=self._waiting.qsize())

    def _is_behind(self) -> bool:
        """Whether an estimate has to be passed over; counts it then."""
        if not self._live or not self._waiting.full():
            return False
        self.passed_over += 1
        if (times := self._warning.passes()) is not None:
            self._log.warning("events_behind", passed_over=self.passed_over, events=times)
        return True

    def _run(self) -> None:
        if self._journal:
            self._send_all(self._events.told_again())
        while (noted := self._waiting.get()) is not None:
            if self._abandoned.is_set():
                return
            if self._adopted:
                self._events.adopt(self._adopted.popleft())
            reading, tail = noted
            self._send_all(self._events.read(reading, tail), str(reading.group))
            if self._journal:
                self._journal.taken(reading)
            if self._live and self._waiting.empty():
                self._abandoned.wait(_REST_S)
        if self._journal:
            self._journal.close()
        else:
            self._send_all(self._events.finish())

    def _send_all(self, events: Iterable[EventMessage], station: str = "") -> None:
        assert self._send is not None
        try:
            for event in events:
                if self._abandoned.is_set():
                    return
                self._send(event)
        except Exception:  # noqa: BLE001 - estimates go on; the operator reads why
            self._log.exception("event_failed", station=station)

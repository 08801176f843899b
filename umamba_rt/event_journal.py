"""What events need to outlive the process: noted before an estimate is sent, kept short."""

from __future__ import annotations

import threading
import time
from collections import deque

import structlog

from umamba_rt.core.station_event import Reading
from umamba_rt.core.timebase import rfc3339
from umamba_rt.events import Events
from umamba_rt.io.event_file import EventFile
from umamba_rt.rate_limit import RateLimit

# Readings until the file begins anew: 7 s of 300 stations, half a megabyte; read again in 0.1 s.
_MOST_READINGS = 2000
_WARN_EVERY_S = 60.0


class EventJournal:
    """Keeps a file from which the events of a killed run are what they were when it ended.

    A reading is noted before its estimate is sent: so what subscribers have seen, the next run's
    events have read. A failure is a warning, at most one a minute; the file then begins anew some
    thousand readings later.

    Attributes:
        failures: writes that failed.
    """

    def __init__(self, file: EventFile, events: Events, max_future_ns: int) -> None:
        """Prepare.

        Args:
            file: where.
            events: what is kept.
            max_future_ns: by how much a window's end may be ahead of now.
        """
        self.failures = 0
        self._file, self._events = file, events
        self._max_future_ns = max_future_ns
        self._on_its_way: deque[Reading] = deque()
        self._noted = 0
        self._lock = threading.Lock()
        self._warning = RateLimit(_WARN_EVERY_S)
        self._log = structlog.get_logger()

    def resume(self) -> None:
        """Bring the events to where the last run's were; to be called before anything is noted."""
        left = self._file.load()
        if left is not None:
            saved, readings = left
            if self._is_of_the_past(saved.foremost_ns):
                self._events.resume(saved)
                for reading in readings:
                    self._read(reading)
        self.save()

    def note(self, reading: Reading) -> None:
        """Note a reading that is about to go to the events."""
        with self._lock:
            self._on_its_way.append(reading)
            try:
                self._file.append(reading)
            except OSError as error:
                self._failed(error)

    def taken(self, reading: Reading) -> None:
        """Note that the events have taken a reading; from their thread, after it."""
        with self._lock:
            # What came before it and was not taken never will be: its estimate could not be sent.
            while self._on_its_way and self._on_its_way.popleft() is not reading:
                pass
        self._noted += 1
        if self._noted >= _MOST_READINGS:
            self.save()

    def save(self) -> None:
        """Begin the file anew; from the events' thread."""
        self._noted = 0
        saved = self._events.saved
        with self._lock:
            try:
                self._file.begin(saved, self._on_its_way)
            except OSError as error:
                self._failed(error)

    def close(self) -> None:
        """Save for the last time; nothing is noted any more."""
        self.save()
        self._file.close()

    def _read(self, reading: Reading) -> None:
        try:
            for _ in self._events.read(reading):
                pass  # what was told at last is told again as a whole
        except Exception:  # noqa: BLE001 - a bug there must not end every start
            self._log.exception("event_failed", station=str(reading.group))

    def _is_of_the_past(self, end_ns: int) -> bool:
        """Whether no window lies in the future, behind which all others would count as old."""
        if end_ns <= max(time.time_ns(), self._file.saved_ns()) + self._max_future_ns:
            return True
        detail = f"they have read a window that ends at {rfc3339(end_ns)}"
        self._log.warning("events_from_the_future", detail=detail)
        return False

    def _failed(self, error: OSError) -> None:
        self.failures += 1
        if (events := self._warning.passes()) is not None:
            self._log.warning("events_not_saved", reason=str(error), events=events)

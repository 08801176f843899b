"""What events need to go on: noted before an estimate is sent, kept short, on disk if asked for."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Sequence

import structlog

from umamba_rt.config.events import EventsConfig
from umamba_rt.core.event_state import SavedEvents
from umamba_rt.core.station_event import Reading
from umamba_rt.core.timebase import rfc3339
from umamba_rt.io.event_file import EventFile
from umamba_rt.io.statefile import set_aside
from umamba_rt.rate_limit import RateLimit

# Readings until the journal begins anew: 7 s of 300 stations, half a megabyte; read again in 0.1 s.
_MOST_READINGS = 2000
# The same where events cannot say where they are: of what they never read, then of what they did.
_MOST_LINES, _MOST_HELD = 10_000, 20_000
_WARN_EVERY_S = 60.0


class EventJournal:
    """Where events were, and each reading since: what others in their place go on from.

    With a file, the next run of the daemon, too. A reading is noted before its estimate is sent: so
    what subscribers have seen, the next run's events have read, and they tell what this one's did
    not. A failure is a warning, at most one a minute; the file then begins anew some thousand
    readings later.

    For one thread that notes and one that takes.

    Attributes:
        failures: writes that failed.
    """

    def __init__(self, file: EventFile | None = None, max_future_ns: int = 0) -> None:
        """Take up what the last run left.

        Args:
            file: where; None: nothing outlives the daemon.
            max_future_ns: by how much a window's end may be ahead of now.
        """
        self.failures = 0
        self._file, self._max_future_ns = file, max_future_ns
        self._saved, self._read = SavedEvents(), list[Reading]()
        self._on_its_way: deque[Reading] = deque()
        self._passed = 0  # readings of the file that are not on their way any more
        self._lines = 0  # of the file behind its beginning
        self._lock = threading.Lock()
        self._warning = RateLimit(_WARN_EVERY_S)
        self._log = structlog.get_logger()
        if file:
            left = file.load()
            if left and self._is_of_the_past(file, left[0].foremost_ns):
                self._saved, readings, told = left
                self._read, self._on_its_way = readings[:told], deque(readings[told:])
            self._begin()

    @property
    def held(self) -> tuple[SavedEvents, list[Reading]]:
        """Where the events were, and what they have read since and told."""
        return self._saved, self._read

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to go on from."""
        return not self._read and self._saved == SavedEvents()

    @property
    def untold(self) -> list[Reading]:
        """What is on its way; to be asked for before anything is noted, it is what a run left."""
        return list(self._on_its_way)

    @property
    def latest_ns(self) -> int:
        """End of the latest window that a run left, ns since 1970 UTC; 0 where none did."""
        saved, read = self.held
        ends = [reading.end_ns for reading in (*read, *self._on_its_way)]
        return max(0, saved.foremost_ns, *ends)

    @property
    def outlives(self) -> bool:
        """Whether it is there for the next run."""
        return self._file is not None

    @property
    def is_long(self) -> bool:
        """Whether it is time to begin anew."""
        return len(self._read) >= _MOST_READINGS

    @property
    def is_endless(self) -> bool:
        """Whether it should have begun anew long ago."""
        return len(self._read) >= _MOST_HELD

    def note(self, reading: Reading) -> None:
        """Note a reading that is about to go to the events."""
        with self._lock:
            self._on_its_way.append(reading)
            self._append(reading)

    def taken(self, readings: Sequence[Reading]) -> None:
        """Note what the events have read and told; in the order in which it was noted."""
        self._leave(readings)
        self._read.extend(readings)

    def passed(self, readings: Sequence[Reading]) -> None:
        """Note what the events will never read; the file does not grow by that for ever."""
        self._leave(readings)
        if self._lines >= _MOST_LINES:
            self._begin()

    def save(self, saved: SavedEvents) -> None:
        """Begin anew.

        Args:
            saved: where the events are, with all that was taken.
        """
        self._saved, self._read = saved, []
        self._begin()

    def adopt(self, rules: EventsConfig, saved: SavedEvents | None) -> None:
        """Begin anew with events that other rules go on with.

        Args:
            rules: theirs.
            saved: as of ``save``; None: they are to go on from what is held.
        """
        if self._file:
            self._file.rules = rules
        if saved is None:
            self._begin()
        else:
            self.save(saved)

    def set_aside(self, detail: str) -> None:
        """Begin anew with nothing: no process outlives what is held, whose file is renamed.

        Args:
            detail: what was seen of that.
        """
        path = self._file.path if self._file else None
        name = str(path) if path else "none"
        self._log.warning("state_set_aside", file=name, kind="unusable", detail=detail)
        if path:
            with contextlib.suppress(OSError):  # what begins replaces it, or says why not
                set_aside(path, "unusable")
        self.save(SavedEvents())

    def close(self) -> None:
        """Nothing is noted any more."""
        if self._file:
            self._file.close()

    def _leave(self, readings: Sequence[Reading]) -> None:
        """Readings are not on their way any more."""
        if not readings:
            return
        with self._lock:
            if any(one is readings[-1] for one in self._on_its_way):
                # What came before it and was not taken never will be: it could not be sent.
                while self._on_its_way:
                    self._passed += 1
                    if self._on_its_way.popleft() is readings[-1]:
                        break
            self._append(self._passed)

    def _append(self, what: Reading | int) -> None:
        self._lines += 1
        if self._file:
            try:
                self._file.append(what)
            except OSError as error:
                self._failed(error)

    def _begin(self) -> None:
        if self._file is None:
            return
        with self._lock:
            self._passed, self._lines = len(self._read), 0
            try:
                self._file.begin(self._saved, [*self._read, *self._on_its_way], self._passed)
            except OSError as error:
                self._failed(error)

    def _is_of_the_past(self, file: EventFile, end_ns: int) -> bool:
        """Whether no window lies in the future, behind which all others would count as old."""
        if end_ns <= max(time.time_ns(), file.saved_ns()) + self._max_future_ns:
            return True
        detail = f"they have read a window that ends at {rfc3339(end_ns)}"
        self._log.warning("events_from_the_future", detail=detail)
        return False

    def _failed(self, error: OSError) -> None:
        self.failures += 1
        if (events := self._warning.passes()) is not None:
            self._log.warning("events_not_saved", reason=str(error), events=events)

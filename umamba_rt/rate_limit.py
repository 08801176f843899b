"""One event of many in each interval, for the log; and each that is another than before."""

from __future__ import annotations

import time


class RateLimit:
    """Lets one event through in each interval, so that a flood of them is one line."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._next_s = 0.0
        self._held_back = 0
        self._latest: str | None = None

    def passes(self) -> int | None:
        """None, or once an interval how many events there were since the last one let through."""
        now_s = time.monotonic()
        self._held_back += 1
        if now_s < self._next_s:
            return None
        self._next_s = now_s + self._interval_s
        events, self._held_back = self._held_back, 0
        return events

    def passes_as(self, what: str) -> int | None:
        """The same, but what differs from the event before it always passes."""
        if what != self._latest:
            self._latest, self._next_s = what, 0.0
        return self.passes()

    def begin_anew(self) -> None:
        """Let the next event through, whatever it is."""
        self._latest, self._next_s, self._held_back = None, 0.0, 0

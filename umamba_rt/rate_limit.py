"""One event of many in each interval, for the log."""

from __future__ import annotations

import time


class RateLimit:
    """Lets one event through in each interval, so that a flood of them is one line."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._next_s = 0.0
        self._held_back = 0

    def passes(self) -> int | None:
        """None, or once an interval how many events there were since the last one let through."""
        now_s = time.monotonic()
        self._held_back += 1
        if now_s < self._next_s:
            return None
        self._next_s = now_s + self._interval_s
        events, self._held_back = self._held_back, 0
        return events

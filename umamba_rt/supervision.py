"""Whether the daemon gets on: deaths of the worker, and the service manager's watchdog."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from umamba_rt.io.notify import notify

MOST_DEATHS = 3
_WITHIN_S = 60.0
# Fed four times as often as it wants to be: a busy machine may delay one turn.
_TURNS = 4


class Deaths:
    """Counts deaths of the worker; three within a minute are too many.

    Attributes:
        total: how many there were.
    """

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self.total = 0
        self._monotonic_s = monotonic_s
        self._recent_s: deque[float] = deque(maxlen=MOST_DEATHS)

    def too_many(self) -> bool:
        """Count one; True where it is the third within a minute."""
        self.total += 1
        now_s = self._monotonic_s()
        self._recent_s.append(now_s)
        return len(self._recent_s) == MOST_DEATHS and now_s - self._recent_s[0] <= _WITHIN_S


class Watchdog:
    """Feeds systemd's watchdog as long as the worker and the event loop both turn.

    The worker's thread feeds it, at a turn of its own, and only when the event loop has turned
    since the last feeding. So whichever of the two hangs, the feeding ends.

    Attributes:
        interval_s: pause between two feedings; None where nobody watches.
    """

    def __init__(
        self,
        interval_s: float | None,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
        send: Callable[[str], object] = notify,
    ) -> None:
        self.interval_s = interval_s
        self._monotonic_s = monotonic_s
        self._send = send
        self._next_s = 0.0
        self._loop_turned = threading.Event()

    def loop_turned(self) -> None:
        """Note that the event loop gets on; from its thread."""
        self._loop_turned.set()

    def worker_turned(self) -> None:
        """Note that the worker gets on, and feed the watchdog if it is time; from its thread."""
        if self.interval_s is None or not self._loop_turned.is_set():
            return
        now_s = self._monotonic_s()
        if now_s >= self._next_s:
            self._next_s = now_s + self.interval_s
            self._loop_turned.clear()
            self._send("WATCHDOG=1")


def feeding_interval_s(environment: Mapping[str, str], pid: int | None = None) -> float | None:
    """How often systemd wants its watchdog fed, a quarter of that; None where it does not.

    Args:
        environment: this process's.
        pid: its id.

    Source: sd_watchdog_enabled(3): without WATCHDOG_PID, or with another one's, it is not for us.
    """
    text, watched = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not text.isdecimal() or not int(text):
        return None
    if watched and watched != str(os.getpid() if pid is None else pid):
        return None
    return int(text) / 1e6 / _TURNS

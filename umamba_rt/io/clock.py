"""Live mode's clock: UTC as the machine has it, without its steps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from umamba_rt.core.timebase import NS_PER_S

# A larger difference between two looks, a quarter of a second apart, is a step and no slewing.
_STEP_NS = NS_PER_S // 2


def elapsed_ns() -> int:
    """Time since the machine's boot, its sleep included; never stepped."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class SteadyClock:
    """Runs on when the machine's clock is stepped, and follows it when it is slewed.

    So waits are as long as they should be, whatever NTP or an operator does to the clock, and what
    came before a step is not taken for the future after it. Sleep of the machine is no step: that
    time has passed.

    Attributes:
        step_ns: the machine's clock is this much ahead of ours: all of its steps so far.
        steps: how many there were.
    """

    follows_data = False

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        since_boot_ns: Callable[[], int] = elapsed_ns,
    ) -> None:
        self.step_ns = 0
        self.steps = 0
        self._wall_ns, self._since_boot_ns = wall_ns, since_boot_ns
        self._offset_ns = wall_ns() - since_boot_ns()
        self._latest_ns = 0
        self._lock = threading.Lock()
        self._log = structlog.get_logger()

    def observe(self, end_ns: int) -> None:
        """Do nothing: data do not move this clock."""

    def now_ns(self) -> int:
        """Now, ns since 1970 UTC by the clock as it was at the start; never goes back."""
        with self._lock:
            now_ns = self._since_boot_ns() + self._offset_ns
            ahead_ns = self._wall_ns() - self.step_ns - now_ns
            if abs(ahead_ns) > _STEP_NS:
                self.step_ns += ahead_ns
                self.steps += 1
                self._log.warning("clock_stepped", by_s=round(ahead_ns / NS_PER_S, 3))
            else:
                self._offset_ns += ahead_ns
                now_ns += ahead_ns
            self._latest_ns = max(self._latest_ns, now_ns)
            return self._latest_ns

    def utc_ns(self) -> int:
        """Now by the machine's clock, steps and all, ns since 1970 UTC."""
        return self.now_ns() + self.step_ns

    def latest_ns(self) -> int:
        """The latest that now can be: one of the two clocks may be wrong."""
        now_ns = self.now_ns()
        return max(now_ns, now_ns + self.step_ns)

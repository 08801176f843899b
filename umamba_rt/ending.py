"""The end of a run: within a bounded time, whatever hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

# What the end may take besides draining: the last echo and subscribers that do not read get half a
# second each, a slow disk and a busy machine the rest.
REST_S = 2.0
_TELL_S = 0.1


class Ending:
    """The time that is left for the end, and a hard one where that is not kept to.

    A disk, a lock or a model that hangs cannot be waited for, nor be asked to stop. So a thread of
    its own has the process end then, as ``kill -9`` would: the state directory is made for that,
    and the next run sends what this one did not.
    """

    def __init__(self, drain_s: float, cut_short: Callable[[], object]) -> None:
        """Begin the end.

        Args:
            drain_s: for what waits.
            cut_short: called ``REST_S`` later from a thread, unless all is over.
        """
        self._limit_s = drain_s + REST_S
        self._drained_s = time.monotonic() + drain_s
        self._cut_short = cut_short
        self._stage = ""
        self._timer = threading.Timer(self._limit_s, self._end)
        self._timer.daemon = True
        self._timer.start()

    @property
    def left_s(self) -> float:
        """What is left for draining, s."""
        return max(0.0, self._drained_s - time.monotonic())

    def begin(self, stage: str) -> None:
        """Note what is ended now."""
        self._stage = stage

    def over(self) -> None:
        """All has ended in time."""
        self._timer.cancel()

    def _end(self) -> None:
        teller = threading.Thread(target=self._tell, daemon=True)  # the log may be what hangs
        teller.start()
        teller.join(_TELL_S)
        self._cut_short()

    def _tell(self) -> None:
        structlog.get_logger().error("end_cut_short", after_s=self._limit_s, hangs=self._stage)

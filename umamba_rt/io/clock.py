"""The wall clock, in the shape that the ingest wants."""

from __future__ import annotations

import time


class WallClock:
    """Live mode's clock."""

    follows_data = False

    def observe(self, end_ns: int) -> None:
        """Do nothing: data do not move this clock."""

    def now_ns(self) -> int:
        """Now, ns since 1970 UTC."""
        return time.time_ns()

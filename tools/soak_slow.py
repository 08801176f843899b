"""A subscriber that cannot keep up with the feed."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from umamba_rt.feed import Subscriber


class SlowSubscriber(threading.Thread):
    """Takes so many messages a second, over the feed's restarts.

    Attributes:
        received: messages so far.
        missed: messages lost, as their numbers say; told at the end.
    """

    def __init__(self, address: str, per_s: float) -> None:
        super().__init__(daemon=True)
        self.received = self.missed = 0
        self._address, self._pause_s = address, 1 / per_s
        self._ending = threading.Event()

    def run(self) -> None:
        """Listen until ``end``."""
        with Subscriber(self._address, query_address="", timeout_s=1.0) as feed:
            while not self._ending.wait(self._pause_s):
                self.received += feed.receive() is not None
            self.missed = feed.missed

    def end(self) -> None:
        """Stop."""
        self._ending.set()
        self.join()

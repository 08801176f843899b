"""What a subscriber counts."""

from __future__ import annotations

from umamba_rt.feed.follower import Follower
from umamba_rt.feed.position import Position


class Counts:
    """The figures of a ``Follower``."""

    _follower: Follower

    @property
    def missed(self) -> int:
        """Messages that were sent but can no longer be had."""
        return self._follower.order.missed

    @property
    def repeated(self) -> int:
        """Windows that came twice, over a restart of the daemon; handed out once."""
        return self._follower.order.repeated

    @property
    def recovered(self) -> int:
        """Messages that were fetched from the daemon's history."""
        return self._follower.order.recovered

    @property
    def gone(self) -> int:
        """How often the history no longer had what was asked for."""
        return self._follower.order.gone

    @property
    def unanswered(self) -> int:
        """Questions to the history that brought no good answer."""
        return self._follower.unanswered

    @property
    def position(self) -> Position:
        """Where to go on with another subscriber: ``start=``; keep it over a restart as JSON."""
        return self._follower.position

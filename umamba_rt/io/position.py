"""How far a stream may be asked for again: behind the newest packet that nothing needs any more."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from umamba_rt.core.ids import GroupId
from umamba_rt.io.statefile import Position

# Packets kept at most, 0.2 KB each. 1,000 stations with windows of 30 s and the wait of 10 s have
# 30,000 that are needed.
_MOST_HELD = 200_000


@dataclass(frozen=True, slots=True)
class Receipt:
    """A packet that came, and what it holds.

    Attributes:
        sequence: its number.
        before: the number before it.
        start_ns: time of its first sample, ns since 1970 UTC.
        end_ns: time of its last sample, ns since 1970 UTC.
        group: the sensor that its samples went to; None where they went nowhere.
        noted_ns: when it came, by ``time.monotonic_ns``.
    """

    sequence: int
    before: int
    start_ns: int
    end_ns: int
    group: GroupId | None
    noted_ns: int


class ResumePoint:
    """The position of one stream, moved forward over packets that no window to come can need.

    A packet is done with when its sensor needs only samples behind its last one, when it held none
    that can be used, or when it has kept the position back for ``hold_ns``: a sensor that fell
    silent must not make a restart ask for hours. By the machine's clock: the data's may stand
    still, or jump over years.
    """

    def __init__(self, hold_ns: int, recovered: Position | None = None) -> None:
        self.position = recovered
        self._hold_ns = hold_ns
        self._held: deque[Receipt] = deque()
        self._begun = recovered is not None

    def note(self, receipt: Receipt) -> bool:
        """Note a packet, in the order in which they come; True where it is the stream's first."""
        first = not self._begun
        if first:
            # From now on a restart begins here, not at whatever is live then.
            self._begun = True
            self.position = Position(receipt.before, None) if receipt.before >= 0 else None
        self._held.append(receipt)
        if len(self._held) > _MOST_HELD:
            self._let_go()
        return first

    def forget(self) -> None:
        """Drop a position that the server does not know: the next packet is the first."""
        self.position = None
        self._begun = False
        self._held.clear()

    def advance(self, needed_from_ns: Callable[[GroupId], int | None], now_ns: int) -> None:
        """Move forward as far as may be.

        Args:
            needed_from_ns: for a sensor, the time from which on it still needs samples, ns since
                1970 UTC; None where that is not known.
            now_ns: ``time.monotonic_ns``.
        """
        needed: dict[GroupId, int | None] = {}
        while self._held:
            oldest = self._held[0]
            if oldest.group is not None and now_ns - oldest.noted_ns <= self._hold_ns:
                if oldest.group not in needed:
                    needed[oldest.group] = needed_from_ns(oldest.group)
                from_ns = needed[oldest.group]
                if from_ns is None or oldest.end_ns >= from_ns:
                    return
            self._let_go()

    def _let_go(self) -> None:
        receipt = self._held.popleft()
        time_ns = receipt.start_ns if receipt.group is not None else None
        self.position = Position(receipt.sequence, time_ns)

"""Windows that late samples have changed, and when each is to be sent again."""

from __future__ import annotations

from collections.abc import Callable, Iterable


class Revisions:
    """Of one sensor: which of its decided windows have changed, and how often each went out.

    A window goes out again when all of its samples are there, or when ``max_wait_ns`` is over
    since the first late one: the records of a late burst make one revision, not one each. What is
    remembered is bounded by the ring: a window that has begun to leave it cannot change any more.
    """

    def __init__(self, max_wait_ns: int) -> None:
        self._max_wait_ns = max_wait_ns
        self._sent: dict[int, int] = {}  # first grid index to the latest revision
        self._changed: dict[int, int] = {}  # first grid index to when it changed

    def note_sent(self, first: int) -> None:
        """Note that a window went out for the first time."""
        self._sent[first] = 0

    def was_sent(self, first: int) -> bool:
        """Whether a window went out."""
        return first in self._sent

    def note_changed(self, firsts: Iterable[int], now_ns: int) -> None:
        """Note that late samples have changed windows."""
        for first in firsts:
            self._changed.setdefault(first, now_ns)

    def due(self, is_whole: Callable[[int], bool], now_ns: int) -> list[int]:
        """Hand out the windows that are due now, in their order.

        Args:
            is_whole: whether a window lacks no sample.
            now_ns: the pipeline's clock.
        """
        return self._hand_out(
            first
            for first, since_ns in self._changed.items()
            if now_ns - since_ns >= self._max_wait_ns or is_whole(first)
        )

    def before(self, limit: int) -> list[int]:
        """Hand out, due or not, the windows that start before ``limit``: their data must go."""
        firsts = self._hand_out(first for first in self._changed if first < limit)
        self._sent = {first: revision for first, revision in self._sent.items() if first >= limit}
        return firsts

    def next_revision(self, first: int) -> int:
        """The number of a window that goes out again; it is then the latest."""
        self._sent[first] = self._sent.get(first, 0) + 1
        return self._sent[first]

    def _hand_out(self, firsts: Iterable[int]) -> list[int]:
        chosen = sorted(firsts)
        for first in chosen:
            del self._changed[first]
        return chosen

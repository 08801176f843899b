"""Topics of which messages are missing, and the readings of the history that bring them."""

from __future__ import annotations

from collections.abc import Callable

from umamba_rt.feed.run import Run


class Gaps:
    """The topics that are still to be asked for, and behind which number."""

    def __init__(self) -> None:
        self._begins: dict[str, int] = {}

    def __contains__(self, topic: str) -> bool:
        return topic in self._begins

    def __bool__(self) -> bool:
        return bool(self._begins)

    def note(self, topic: str, last_seq: int, run: Run | None = None) -> None:
        """A topic has a gap behind a number; nothing to ask where ``run`` brings what it hides."""
        if run is None or not run.covers(topic, last_seq):
            self._begins.setdefault(topic, last_seq)

    def clear(self) -> None:
        """None is to be asked for any more."""
        self._begins.clear()

    def next_run(
        self, session: str, topics: tuple[str, ...], is_recent: Callable[[int], bool]
    ) -> Run | None:
        """Ask for the recent ones together, else for one topic; None where there is none.

        Args:
            session: of the messages.
            topics: prefixes of all topics.
            is_recent: whether a number lies so little back that all topics are read from there.
        """
        if not self._begins:
            return None
        recent = {topic: seq for topic, seq in self._begins.items() if is_recent(seq)}
        if not recent:
            topic, seq = self._begins.popitem()
            return Run(session, seq, (topic,))
        for topic in recent:
            del self._begins[topic]
        return Run(session, min(recent.values()), topics)

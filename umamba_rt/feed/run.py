"""One reading of the daemon's history."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Run:
    """One reading of the history, page by page.

    Attributes:
        session: of the messages that come next; ``oldest`` for all there is.
        seq: of the last one that is not wanted.
        topics: prefixes of the wanted topics.
        start: where it began; everything of ``topics`` behind that comes, or has gone.
    """

    session: str
    seq: int
    topics: tuple[str, ...]
    start: int = field(init=False)

    def __post_init__(self) -> None:
        self.start = self.seq

    def covers(self, topic: str, seq: int) -> bool:
        """Whether it brings all of a topic's messages behind a number."""
        return self.start <= seq and topic.startswith(self.topics)

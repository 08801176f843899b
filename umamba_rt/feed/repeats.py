"""Windows that a killed daemon sent again, known from those that were handed out."""

from __future__ import annotations

from collections import OrderedDict, deque

from umamba_rt.feed.message import FeedMessage

# Windows of a topic that a killed daemon may send again: those of a batch, 64 by default, were on
# their way.
_WINDOWS_KNOWN = 256
_TOPICS_KNOWN = 20_000


class Repeats:
    """Remembers the latest windows of each topic, over the daemon's restarts."""

    def __init__(self) -> None:
        self._latest: OrderedDict[str, deque[tuple[str, int]]] = OrderedDict()

    def has(self, message: FeedMessage) -> bool:
        """Whether a message repeats one that was handed out; remembers it."""
        start = message.body.get("window_start")
        if start is None:
            return False
        window = start, message.body["revision"]
        latest = self._latest.setdefault(message.topic, deque(maxlen=_WINDOWS_KNOWN))
        self._latest.move_to_end(message.topic)
        if len(self._latest) > _TOPICS_KNOWN:
            self._latest.popitem(last=False)
        if message.body.get("repeat") and window in latest:
            return True
        latest.append(window)
        return False

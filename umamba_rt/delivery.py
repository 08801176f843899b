"""Estimates to the feed, each window of a sensor and model once, over all runs of the daemon.

Before an estimate is sent the ledger says that its sending begins; when it has left, the ledger
says that, too. A window that was begun and is not known to have left is sent again by the next
run, marked as a repeat: it is never lost, and who has it knows it again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from umamba_rt.core.ids import GroupId
from umamba_rt.core.timebase import NS_PER_S, SAMPLE_NS, parse_rfc3339
from umamba_rt.core.window import Window
from umamba_rt.io.ledger import Ledger, Mark
from umamba_rt.io.publisher import Publisher
from umamba_rt.wire.message import Magnitude

# What has not come round by then has left all the same: nobody heard the echo.
_DEPARTED_AFTER_NS = 2 * NS_PER_S


@dataclass(frozen=True, slots=True)
class _OnItsWay:
    """An estimate between ``zmq_send`` and its echo."""

    seq: int
    sensor: str
    model: str
    first: int
    sent_ns: int


class Delivery:
    """Sends estimates and keeps the ledger; may be used from several threads."""

    def __init__(self, publisher: Publisher, ledger: Ledger, models: Sequence[str]) -> None:
        """Take over the ledger as it was loaded.

        Args:
            publisher: the feed.
            ledger: what earlier runs have sent.
            models: names of the models that run, ``v2`` first.
        """
        self.already_sent = 0
        self._publisher = publisher
        self._ledger = ledger
        self._models = tuple(models)
        self._handed: dict[str, int] = {}
        self._on_its_way: deque[_OnItsWay] = deque()
        self._departed = 0
        self._lock = threading.Lock()
        # What the last run had begun and not finished.
        self._doubtful = {
            key: mark.begun for key, mark in ledger.marks.items() if mark.begun > mark.sent
        }

    def decided(self) -> dict[GroupId, int]:
        """For each sensor of the ledger the last window that all models are through with."""
        decided: dict[str, int] = {}
        for (sensor, model), mark in self._ledger.marks.items():
            if model in self._models:
                decided[sensor] = min(mark.sent, decided.get(sensor, mark.sent))
        return {GroupId.parse(sensor): first for sensor, first in decided.items()}

    def hand(self, windows: Iterable[Window]) -> None:
        """Note windows that are on their way to the models, in their order."""
        with self._lock:
            for window in windows:
                if window.revision:
                    continue  # no later run knows of it
                sensor = str(window.group)
                for model in self._models:
                    # From here on a kill loses nothing of this sensor under any model.
                    if self._ledger.get(sensor, model) is None:
                        mark = Mark(window.first - 1, window.first - 1)
                        self._ledger.put(sensor, model, mark)
                self._handed[sensor] = window.first

    def needed_from(self, group: GroupId, hop: int, following: int | None) -> int | None:
        """The grid index from which on a sensor's samples are still needed.

        Where windows were handed out and none is on its way, those before ``following`` are
        decided: sent, or withheld. The ledger then says so, and no later run decides them again.
        Before the first one of this run nothing is decided: earlier samples may still come.

        Args:
            group: the sensor.
            hop: samples from one window to the next.
            following: the next window's first sample; None before any.
        """
        sensor = str(group)
        with self._lock:
            marks = {model: self._ledger.get(sensor, model) for model in self._models}
            known = {model: mark for model, mark in marks.items() if mark is not None}
            handed = self._handed.get(sensor)
            through = min((mark.sent for mark in known.values()), default=None)
            if through is not None and (handed is None or through < handed):
                return through + 1
            if following is not None:
                for model, mark in known.items():
                    if mark.sent < following - hop:
                        self._ledger.put(sensor, model, Mark(following - hop, following - hop))
            return following

    def send_magnitude(self, message: Magnitude, arrived_ns: int) -> int:
        """Send an estimate unless an earlier run did; see ``Publisher.send_magnitude``.

        Returns:
            The message's number; 0 where it is not sent.
        """
        if message.revision:
            return self._publisher.send_magnitude(message, arrived_ns)
        sensor, model = message.topic.split(".", 2)[2], message.model.name
        first = _index(message.window_start)
        with self._lock:
            mark = self._ledger.get(sensor, model) or Mark(first - 1, first - 1)
            if first <= mark.sent:
                self.already_sent += 1
                return 0
            if first <= self._doubtful.get((sensor, model), first - 1):
                message = replace(message, repeat=True)
            self._ledger.put(sensor, model, Mark(max(first, mark.begun), mark.sent))
            seq = self._publisher.send_magnitude(message, arrived_ns)
            self._on_its_way.append(_OnItsWay(seq, sensor, model, first, time.monotonic_ns()))
            return seq

    def departed(self, seq: int) -> None:
        """Note that all messages up to this number have left."""
        with self._lock:
            self._departed = max(self._departed, seq)
            while self._on_its_way and self._on_its_way[0].seq <= self._departed:
                self._arrived(self._on_its_way.popleft())

    def settle(self) -> None:
        """Take what was sent two seconds ago for departed, echo or not."""
        limit_ns = time.monotonic_ns() - _DEPARTED_AFTER_NS
        with self._lock:
            while self._on_its_way and self._on_its_way[0].sent_ns < limit_ns:
                self._arrived(self._on_its_way.popleft())

    @property
    def in_doubt(self) -> int:
        """Estimates that were sent and are not known to have left."""
        return len(self._on_its_way)

    def _arrived(self, one: _OnItsWay) -> None:
        mark = self._ledger.get(one.sensor, one.model)
        begun = max(one.first, mark.begun if mark else one.first)
        self._ledger.put(one.sensor, one.model, Mark(begun, one.first))


def _index(window_start: str) -> int:
    """Grid index of an RFC 3339 time; windows start on whole samples."""
    return parse_rfc3339(window_start) // SAMPLE_NS

"""What the daemon counts, gathered from all its parts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from umamba_rt.event_thread import EventThread
from umamba_rt.ingest import Ingest
from umamba_rt.io.access import Access
from umamba_rt.io.publisher import Publisher
from umamba_rt.io.query import QueryEndpoint
from umamba_rt.io.seedlink import SeedLinkReader
from umamba_rt.recall import Recall
from umamba_rt.resume import Resume
from umamba_rt.window_queue import WindowQueue
from umamba_rt.wire.message import Heartbeat
from umamba_rt.worker import Worker


@dataclass(slots=True)
class Figures:
    """The heartbeat's figures; nothing here changes what it looks at.

    Attributes:
        left_at_end: windows that were cut and not estimated when the daemon ended.
        started_s: by ``time.monotonic``.
    """

    mode: str
    ingest: Ingest
    readers: Sequence[SeedLinkReader]
    queue: WindowQueue
    worker: Worker
    publisher: Publisher
    query: QueryEndpoint | None
    resume: Resume | None
    access: Access | None
    recall: Recall | None
    events: EventThread | None
    left_at_end: int = 0
    started_s: float = field(default_factory=time.monotonic)

    def heartbeat(self) -> Heartbeat:
        """The next heartbeat; begins its worst latency anew."""
        return Heartbeat(
            uptime_s=self._uptime_s(),
            stations=self.states(),
            queue_depth=len(self.queue),
            worst_data_latency_s=self.worker.take_worst_data_latency_s(),
            counts=self.counts(),
        )

    def now(self) -> dict[str, object]:
        """The same for who asks between two heartbeats."""
        return {
            "mode": self.mode,
            "uptime_s": self._uptime_s(),
            "states": self.states(),
            "queue_depth": len(self.queue),
            "counts": self.counts(),
        }

    def _uptime_s(self) -> float:
        return round(time.monotonic() - self.started_s, 3)

    def states(self) -> dict[str, int]:
        """Number of sensors in each state."""
        latest = [sensor.state.latest for sensor in self.ingest.pipeline.sensors.values()]
        return dict(Counter(str(change.state) for change in latest if change is not None))

    def counts(self) -> dict[str, int]:
        """Everything counted since the start, by reason."""
        counts = {
            "records": self.ingest.records,
            "records_refused": self.ingest.records_refused,
            "server_connects": sum(reader.counts.connects for reader in self.readers),
            "server_failures": sum(reader.counts.failures for reader in self.readers),
            **{reason.value: n for reason, n in self.ingest.pipeline.counts.items()},
            **{reason.value: n for reason, n in self.worker.counts.items()},
            "windows_dropped_overload": self.queue.dropped,
            **self._beside(),
            "worker_restarts": self.worker.restarts,
            "windows_left_at_end": self.left_at_end,
            "state_saves_failed": self._state_saves_failed(),
            "peers_dropped": self.publisher.peers_dropped,
            "clients_refused": self.access.refused if self.access else 0,
            "events_passed_over": self.events.passed_over if self.events else 0,
            "events_restarts": self.events.restarts if self.events else 0,
            "history_saves_failed": self.recall.saves_failed if self.recall else 0,
        }
        if self.query:
            counts |= {f"queries_{outcome}": n for outcome, n in self.query.counts.items()}
            counts["peers_dropped"] += self.query.peers_dropped
        return counts

    def _state_saves_failed(self) -> int:
        events = self.events.saves_failed if self.events else 0
        return events + (self.resume.failures if self.resume else 0)

    def _beside(self) -> dict[str, int]:
        """Of the models besides the first; at the end, what waits is left."""
        counts = {}
        for name, backlog in self.worker.backlogs.items():
            counts[f"windows_dropped_overload_{name}"] = backlog.dropped
            counts[f"windows_waiting_{name}"] = len(backlog)
        return counts

"""What a running daemon tells of its stations and of itself when it is asked."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from umamba_rt import __version__
from umamba_rt.core.ids import GroupId
from umamba_rt.core.sensor_facts import SensorFacts
from umamba_rt.core.timebase import NS_PER_S, rfc3339
from umamba_rt.ingest import Ingest
from umamba_rt.io.query import Handler
from umamba_rt.io.seedlink import SeedLinkReader
from umamba_rt.wire.message import Magnitude, Station
from umamba_rt.wire.query import Request

# A row takes 0.1 ms of the event loop and some 600 bytes.
MAX_ROWS = 100
_WITHHELD = "windows_withheld_"
_LONGEST_NAME = 64


class Overview:
    """Rows of stations and figures of the daemon, for the query endpoint.

    Lives in the event loop's thread, but for what ``counting`` gives.

    Args:
        session: the feed's.
        ingest: the core, and what its times are by the machine's clock.
        readers: of all servers.
        models: names of the models that run.
        now_ns: the machine's clock, ns since 1970 UTC.
        figures: ``uptime_s``, ``queue_depth``, ``counts`` and the like, as the daemon has them.
    """

    def __init__(
        self,
        session: str,
        ingest: Ingest,
        readers: Sequence[SeedLinkReader],
        models: Sequence[str],
        now_ns: Callable[[], int],
        figures: Callable[[], Mapping[str, object]],
    ) -> None:
        self._session, self._ingest, self._readers = session, ingest, readers
        self._models, self._now_ns, self._figures = tuple(models), now_ns, figures
        self._servers: dict[GroupId, list[str]] = {}  # latest first
        self._sent: Counter[tuple[str, str]] = Counter()
        self._order: list[tuple[str, GroupId]] = []

    @property
    def handlers(self) -> dict[str, Handler]:
        """What the endpoint can be asked for."""
        return {"stations": self.stations, "stats": self.stats}

    def received(self, server: str, group: GroupId) -> None:
        """Note that a server sent a record of a sensor."""
        servers = self._servers.get(group)
        if servers is None:
            if group in self._ingest.pipeline.sensors:  # others would fill the memory
                self._servers[group] = [server]
        elif servers[0] != server:
            self._servers[group] = [server, *(one for one in servers if one != server)]

    def counting(self, send: Callable[[Magnitude, int], int]) -> Callable[[Magnitude, int], int]:
        """The same way to send estimates, counted for each sensor; for one other thread."""

        def send_and_count(message: Magnitude, arrived_ns: int) -> int:
            seq = send(message, arrived_ns)
            if seq:
                self._sent[message.topic.split(".", 2)[2], message.model.name] += 1
            return seq

        return send_and_count

    def sent(self, sensor: str) -> dict[str, int]:
        """Estimates of a sensor that were sent, by model."""
        return {model: self._sent[sensor, model] for model in self._models}

    def stations(self, request: Request) -> dict[str, object]:
        """Answer ``stations``: rows in the order of their names, a page at a time.

        Arguments of the request: ``after``, the name that the page begins behind; ``limit``, most
        rows. ``next`` of the answer is the next page's ``after``, null at the end.

        Raises:
            QueryError: an argument is none of these.
        """
        request.require_only("after", "limit")
        after = request.text("after", longest=_LONGEST_NAME)
        limit = request.whole("limit", MAX_ROWS, 1, MAX_ROWS)
        order = self._names()
        begin = bisect_right([name for name, _ in order], after)
        page = order[begin : begin + limit]
        rows = [self._row(self._ingest.pipeline.sensors[group].facts()) for _, group in page]
        following = page[-1][0] if begin + limit < len(order) else None
        return {**self._head(), "stations": rows, "next": following}

    def stats(self, request: Request) -> dict[str, object]:
        """Answer ``stats``: the daemon's figures and its servers'.

        Raises:
            QueryError: there is an argument.
        """
        request.require_only()
        servers = [
            {"server": reader.server, "connected": reader.connected, **asdict(reader.counts)}
            for reader in self._readers
        ]
        return {**self._head(), "version": __version__, **self._figures(), "servers": servers}

    def _head(self) -> dict[str, object]:
        return {"session": self._session, "now": rfc3339(self._now_ns())}

    def _names(self) -> list[tuple[str, GroupId]]:
        # Sensors are never taken away: as many as before are the same ones.
        if len(self._order) != len(self._ingest.pipeline.sensors):
            self._order = sorted((str(group), group) for group in self._ingest.pipeline.sensors)
        return self._order

    def _row(self, facts: SensorFacts) -> dict[str, object]:
        state, sample_ns, arrival_ns = facts.state, facts.last_sample_ns, facts.last_arrival_ns
        age_s = None if sample_ns is None else round((self._now_ns() - sample_ns) / NS_PER_S, 3)
        withheld = {
            name.removeprefix(_WITHHELD): n
            for name, n in facts.counts.items()
            if name.startswith(_WITHHELD)
        }
        return {
            "station": Station.of(facts.group),
            "state": None if state is None else state.state,
            "since": None if state is None else rfc3339(self._ingest.utc_ns(state.since_ns)),
            "detail": "" if state is None else state.detail,
            "components": facts.components,
            "native_rate_hz": facts.rate_hz,
            "last_sample": None if sample_ns is None else rfc3339(sample_ns),
            "data_latency_s": age_s,
            "last_arrival": arrival_ns and rfc3339(self._ingest.utc_ns(arrival_ns)),
            "gaps": facts.gaps,
            "servers": self._servers.get(facts.group, []),
            "windows_sent": self.sent(str(facts.group)),
            "windows_withheld": withheld,
            "counts": dict(facts.counts),
        }

"""What the daemon shows to the outside at one moment, taken in the event loop's thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from umamba_rt.core.reasons import Reason
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.engine.base import Engine
from umamba_rt.figures import Figures
from umamba_rt.latencies import Latencies
from umamba_rt.overview import Overview

_WITHHELD = "windows_withheld_"


@dataclass(frozen=True, slots=True)
class ServerFigures:
    """One ``[[seedlink]]`` block's server."""

    server: str
    connected: bool
    packets: int
    connects: int
    failures: int
    last_failure: str


@dataclass(frozen=True, slots=True)
class SensorFigures:
    """One sensor of a station.

    Attributes:
        name: ``NET.STA.LOC.BS``.
        online: whether its windows are sent.
        last_arrival_s: when its latest record came, by the pipeline's clock, s since 1970 UTC.
        sent: estimates, by model.
        withheld: windows, for whatever reason.
    """

    name: str
    online: bool
    last_arrival_s: float | None
    sent: Mapping[str, int]
    withheld: int


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """A model that runs, and what runs it."""

    name: str
    version: str
    sha256: str
    trained: bool
    backend: str


@dataclass(frozen=True, slots=True)
class Scrape:
    """All of it.

    Attributes:
        mode: live or replay.
        counts: the heartbeat's, by its names.
        states: number of sensors by state.
        queue_depth: windows waiting for the first model.
        queue_size: most that may.
        oldest_wait_s: how long the oldest of them has been waiting, s.
        queue_still_s: for how long none of them has been taken, s.
        servers: all.
        sensors: the first ones that came, up to the configured number.
        models: those that run.
        latencies: still growing while it is read.
    """

    mode: str
    counts: Mapping[str, int]
    states: Mapping[str, int]
    queue_depth: int
    queue_size: int
    oldest_wait_s: float
    queue_still_s: float
    servers: Sequence[ServerFigures]
    sensors: Sequence[SensorFigures]
    models: Sequence[ModelFigures]
    latencies: Latencies


class Scraper:
    """Takes a ``Scrape`` of a running daemon: 2,000 sensors take 5 ms of its event loop.

    Args:
        figures: where the heartbeat's figures come from.
        overview: who counts what was sent.
        latencies: of what is sent.
        max_sensors: most sensors with figures of their own.
    """

    def __init__(
        self,
        figures: Figures,
        overview: Overview,
        latencies: Latencies,
        max_sensors: int,
    ) -> None:
        self._figures, self._overview = figures, overview
        self._latencies, self._max_sensors = latencies, max_sensors

    def take(self) -> Scrape:
        """As of now."""
        figures = self._figures
        return Scrape(
            mode=figures.mode,
            counts={**dict.fromkeys(Reason, 0), **figures.counts()},
            states=figures.states(),
            queue_depth=len(figures.queue),
            queue_size=figures.queue.size,
            oldest_wait_s=figures.queue.oldest_wait_s,
            queue_still_s=figures.queue.still_s,
            servers=self._servers(),
            sensors=self._sensors(),
            models=[_model(engine) for engine in figures.worker.engines],
            latencies=self._latencies,
        )

    def _servers(self) -> list[ServerFigures]:
        return [
            ServerFigures(
                reader.server,
                reader.connected,
                reader.counts.packets,
                reader.counts.connects,
                reader.counts.failures,
                reader.counts.last_failure,
            )
            for reader in self._figures.readers
        ]

    def _sensors(self) -> list[SensorFigures]:
        made = []
        ingest = self._figures.ingest
        for sensor in islice(ingest.pipeline.sensors.values(), self._max_sensors):
            latest, arrival_ns = sensor.state.latest, sensor.last_arrival_ns
            counts = sensor.counts.items()
            made.append(
                SensorFigures(
                    name=str(sensor.group),
                    online=latest is not None and latest.state == "online",
                    last_arrival_s=arrival_ns and ingest.utc_ns(arrival_ns) / NS_PER_S,
                    sent=self._overview.sent(str(sensor.group)),
                    withheld=sum(n for name, n in counts if name.startswith(_WITHHELD)),
                )
            )
        return made


def _model(engine: Engine) -> ModelFigures:
    identity = engine.identity
    return ModelFigures(
        identity.name, identity.version, identity.sha256, identity.trained, engine.backend
    )

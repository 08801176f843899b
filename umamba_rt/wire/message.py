"""The feed's messages: their fields and their topics.

The field names are the contract ``umamba-rt/<kind>/1``; ``schemas/`` holds it as JSON Schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from umamba_rt.core.estimate import BatchOutput, ModelIdentity
from umamba_rt.core.evolution import STEP, decimated, settled_s
from umamba_rt.core.ids import EMPTY_LOCATION, GroupId
from umamba_rt.core.quality import Quality
from umamba_rt.core.rise import Tail
from umamba_rt.core.state import StateChange
from umamba_rt.core.timebase import NS_PER_S, RATE_HZ, index_ns, rfc3339
from umamba_rt.core.window import Window
from umamba_rt.wire.envelope import NOT_SENT


@dataclass(frozen=True, slots=True)
class Latency:
    """How old a message is.

    Attributes:
        data_s: from the end of the window to the arrival of its last sample, s.
        processing_ms: from that arrival to sending, ms.
    """

    data_s: float
    processing_ms: float


@dataclass(frozen=True, slots=True)
class Evolution:
    """V1's estimate inside the window.

    Attributes:
        t0: time of the first value, RFC 3339.
        dt_s: from one value to the next, s.
        values: magnitude units.
        settled_s: time in the window from which on the curve keeps to its last value, s.
    """

    t0: str
    dt_s: float
    values: list[float]
    settled_s: float


@dataclass(frozen=True, slots=True)
class Station:
    """Codes of the sensor that a message is about; ``location`` is ``--`` when empty."""

    network: str
    station: str
    location: str
    band_source: str

    @classmethod
    def of(cls, group: GroupId) -> Station:
        """From the core's name of a sensor."""
        place = group.location or EMPTY_LOCATION
        return cls(group.network, group.station, place, group.band_source)

    @property
    def group(self) -> GroupId:
        """The core's name of it."""
        place = "" if self.location == EMPTY_LOCATION else self.location
        return GroupId(self.network, self.station, place, self.band_source)


@dataclass(frozen=True, slots=True)
class TriggerTimes:
    """When a sensor's trigger went on, and off; None while it is on."""

    on: str
    off: str | None


@dataclass(frozen=True, slots=True)
class Magnitude:
    """One estimate of one window.

    ``evolution`` is there for V1 only, ``triggers`` where the window is triggered. ``repeat`` is
    there and true where an earlier run was killed while it sent this window: a subscriber may have
    it already. ``tail`` is for the events of this process alone and is not sent.
    """

    schema: ClassVar[str] = "umamba-rt/magnitude/1"

    station: Station
    window_start: str
    window_end: str
    magnitude: float
    uncertainty: float | None
    revision: int
    quality: Quality
    latency: Latency
    model: ModelIdentity
    evolution: Evolution | None = None
    repeat: bool | None = None
    triggers: list[TriggerTimes] | None = None
    tail: Tail | None = field(default=None, metadata=NOT_SENT)

    @property
    def topic(self) -> str:
        """``magnitude.v2.NET.STA.LOC.BS``."""
        where = self.station
        return (
            f"magnitude.{self.model.name}."
            f"{where.network}.{where.station}.{where.location}.{where.band_source}"
        )


@dataclass(frozen=True, slots=True)
class StationStatus:
    """A station's new state."""

    schema: ClassVar[str] = "umamba-rt/station/1"

    station: Station
    state: str
    since: str
    detail: str

    @property
    def topic(self) -> str:
        """``station.NET.STA.LOC.BS``."""
        where = self.station
        return f"station.{where.network}.{where.station}.{where.location}.{where.band_source}"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The daemon's own state, every few seconds.

    Attributes:
        uptime_s: since the daemon started, s.
        stations: number of sensors in each state.
        queue_depth: windows waiting for the model.
        worst_data_latency_s: largest ``data_s`` since the last heartbeat, s; None without one.
        counts: everything counted since the start, by reason.
    """

    schema: ClassVar[str] = "umamba-rt/heartbeat/1"

    uptime_s: float
    stations: dict[str, int]
    queue_depth: int
    worst_data_latency_s: float | None
    counts: dict[str, int]

    @property
    def topic(self) -> str:
        """``heartbeat``."""
        return "heartbeat"


def status_of(change: StateChange) -> StationStatus:
    """A change of the core as a message."""
    return StationStatus(
        Station.of(change.group), change.state, rfc3339(change.since_ns), change.detail
    )


def magnitudes_of(
    windows: Sequence[Window], output: BatchOutput, model: ModelIdentity
) -> list[Magnitude]:
    """A batch's estimates as messages, in the order of the windows; processing time still 0.

    Args:
        windows: B windows.
        output: the model's answer to them, in the same order.
        model: whose answer.
    """
    messages = []
    for position, window in enumerate(windows):
        latency_ns = window.arrival_ns - window.end_ns
        messages.append(
            Magnitude(
                station=Station.of(window.group),
                window_start=rfc3339(window.start_ns),
                window_end=rfc3339(window.end_ns),
                magnitude=float(output.magnitude[position]),
                uncertainty=_uncertainty(output, position),
                revision=window.revision,
                quality=window.quality,
                latency=Latency(data_s=round(latency_ns / NS_PER_S, 6), processing_ms=0.0),
                model=model,
                evolution=_evolution(window, output, position),
                triggers=_triggers(window),
                tail=window.tail,
            )
        )
    return messages


def _uncertainty(output: BatchOutput, position: int) -> float | None:
    return None if output.uncertainty is None else round(float(output.uncertainty[position]), 3)


def _triggers(window: Window) -> list[TriggerTimes] | None:
    if not window.triggers:
        return None
    return [
        TriggerTimes(
            rfc3339(index_ns(span.on)), None if span.off is None else rfc3339(index_ns(span.off))
        )
        for span in window.triggers
    ]


def _evolution(window: Window, output: BatchOutput, position: int) -> Evolution | None:
    if output.evolution is None:
        return None
    curve = output.evolution[position]
    start = rfc3339(window.start_ns)
    return Evolution(start, STEP / RATE_HZ, decimated(curve), settled_s(curve))

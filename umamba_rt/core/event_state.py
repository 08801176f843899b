"""Where events are, as plain values that outlive the process."""

from __future__ import annotations

from dataclasses import dataclass

from umamba_rt.core.association import Source
from umamba_rt.core.estimate import ModelIdentity
from umamba_rt.core.ids import GroupId
from umamba_rt.core.network_event import NetworkEvent
from umamba_rt.core.station_event import Reading, StationEvent


@dataclass(frozen=True, slots=True)
class SavedSensor:
    """One sensor's events.

    Attributes:
        group: the sensor.
        end_ns: end of the latest window that was read, ns since 1970 UTC.
        latest: its newest event, closed or not; None before any.
    """

    group: GroupId
    end_ns: int
    latest: StationEvent | None


@dataclass(frozen=True, slots=True)
class SavedRead:
    """A window's reading, and what follows from it at its own station."""

    reading: Reading
    revisions: tuple[StationEvent, ...]


@dataclass(frozen=True, slots=True)
class SavedMoment:
    """What waits until a moment of the data is over."""

    end_ns: int
    reads: tuple[SavedRead, ...]


@dataclass(frozen=True, slots=True)
class SavedForming:
    """A network event that may still grow; see ``Forming``."""

    event_id: str
    source: Source | None
    members: tuple[StationEvent, ...]
    latest: NetworkEvent | None
    told_ns: int
    changed: bool
    is_over: bool
    found_ns: int


@dataclass(frozen=True, slots=True)
class SavedCoincidence:
    """The network's events, and the onsets that none of them explains."""

    forming: tuple[SavedForming, ...] = ()
    loose: tuple[StationEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedEvents:
    """All of it.

    Attributes:
        identity: whose estimates made them; None before any.
        sensors: in the order of their coming.
        waiting: in the order of their moments.
        network: the network's.
    """

    identity: ModelIdentity | None = None
    sensors: tuple[SavedSensor, ...] = ()
    waiting: tuple[SavedMoment, ...] = ()
    network: SavedCoincidence = SavedCoincidence()

    @property
    def foremost_ns(self) -> int:
        """The newest end of a window, ns since 1970 UTC; 0 before any."""
        return max((sensor.end_ns for sensor in self.sensors), default=0)

    def told_since(self, end_ns: int) -> tuple[list[StationEvent], list[NetworkEvent]]:
        """The latest revisions of what is open, and of what was told since a moment of the data."""
        stations = [
            one.latest
            for one in self.sensors
            if one.latest is not None
            and (one.latest.state != "closed" or one.latest.end_ns >= end_ns)
        ]
        network = [
            one.latest
            for one in self.network.forming
            if one.latest is not None and (one.latest.state != "closed" or one.told_ns >= end_ns)
        ]
        return stations, network

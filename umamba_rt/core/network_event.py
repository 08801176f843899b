"""An earthquake as the network sees it: one revision of it."""

from __future__ import annotations

from dataclasses import dataclass

from umamba_rt.core.association import Source
from umamba_rt.core.station_event import EventState, StationEvent


@dataclass(frozen=True, slots=True)
class Contribution:
    """A station's share in a network event.

    Attributes:
        event: its event as it stood.
        weight: of its magnitude; those of an event sum to 1.
        distance_km: from the source; None where a coordinate is not known.
    """

    event: StationEvent
    weight: float
    distance_km: float | None


@dataclass(frozen=True, slots=True)
class NetworkEvent:
    """One revision of a network event.

    Attributes:
        event_id: the second of the first onset known when it was opened, and that station.
        state: ``open`` once, then ``updated``, then ``closed`` once.
        revision: from 0 on.
        end_ns: end of the latest window that it was made from, ns since 1970 UTC.
        source: None where coordinates are not known.
        magnitude, uncertainty, spread: see ``NetworkMagnitude``.
        stations: in the order of their onsets; of several sensors of one station the best.
    """

    event_id: str
    state: EventState
    revision: int
    end_ns: int
    source: Source | None
    magnitude: float
    uncertainty: float
    spread: float
    stations: tuple[Contribution, ...]

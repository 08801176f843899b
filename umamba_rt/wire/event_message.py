"""The feed's messages of events, of one sensor and of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from umamba_rt.core.estimate import ModelIdentity
from umamba_rt.core.network_event import Contribution, NetworkEvent
from umamba_rt.core.station_event import StationEvent
from umamba_rt.core.timebase import NS_PER_S, rfc3339
from umamba_rt.wire.message import Station


@dataclass(frozen=True, slots=True)
class TimedEstimate:
    """A magnitude, and how long after the onset its window ended, s."""

    since_onset_s: float
    magnitude: float


@dataclass(frozen=True, slots=True)
class StationEventMessage:
    """One revision of a sensor's event; see ``StationEvent``."""

    schema: ClassVar[str] = "umamba-rt/event/1"

    station: Station
    event_id: str
    state: str
    revision: int
    onset: str
    window_end: str
    magnitude: float
    uncertainty: float | None
    peak_magnitude: float
    since_onset_s: float
    estimates: list[TimedEstimate]
    duration_s: float | None
    n_windows: int
    snr_db: float | None
    clipped: bool
    model: ModelIdentity

    @property
    def topic(self) -> str:
        """``event.NET.STA.LOC.BS``."""
        where = self.station
        return f"event.{where.network}.{where.station}.{where.location}.{where.band_source}"


@dataclass(frozen=True, slots=True)
class ContributionMessage:
    """A station's share in a network event; see ``Contribution``."""

    station: Station
    event_id: str
    onset: str
    since_onset_s: float
    magnitude: float
    uncertainty: float | None
    weight: float
    distance_km: float | None


@dataclass(frozen=True, slots=True)
class NetworkEventMessage:
    """One revision of a network event; see ``NetworkEvent``."""

    schema: ClassVar[str] = "umamba-rt/network/1"

    event_id: str
    state: str
    revision: int
    first_onset: str
    origin_time: str | None
    latitude_deg: float | None
    longitude_deg: float | None
    window_end: str
    magnitude: float
    uncertainty: float
    spread: float
    n_stations: int
    stations: list[ContributionMessage]
    model: ModelIdentity

    @property
    def topic(self) -> str:
        """``event.network.ID``."""
        return f"event.network.{self.event_id}"


def station_event_message(event: StationEvent, model: ModelIdentity) -> StationEventMessage:
    """A sensor's event as a message; ``model`` is whose estimates it holds."""
    return StationEventMessage(
        station=Station.of(event.group),
        event_id=event.event_id,
        state=event.state,
        revision=event.revision,
        onset=rfc3339(event.onset_ns),
        window_end=rfc3339(event.end_ns),
        magnitude=event.magnitude,
        uncertainty=event.uncertainty,
        peak_magnitude=event.peak_magnitude,
        since_onset_s=event.since_onset_s,
        estimates=[TimedEstimate(*pair) for pair in event.estimates],
        duration_s=event.duration_s,
        n_windows=event.n_windows,
        snr_db=event.snr_db,
        clipped=event.clipped,
        model=model,
    )


def network_event_message(event: NetworkEvent, model: ModelIdentity) -> NetworkEventMessage:
    """A network event as a message; ``model`` is whose estimates it holds."""
    source = event.source
    return NetworkEventMessage(
        event_id=event.event_id,
        state=event.state,
        revision=event.revision,
        first_onset=rfc3339(event.stations[0].event.onset_ns),
        # To the tenth: more than onsets and a flat crust tell.
        origin_time=rfc3339(_tenth(source.origin_ns)) if source else None,
        latitude_deg=round(source.place.latitude_deg, 3) if source else None,
        longitude_deg=round(source.place.longitude_deg, 3) if source else None,
        window_end=rfc3339(event.end_ns),
        magnitude=round(event.magnitude, 4),
        uncertainty=round(event.uncertainty, 4),
        spread=round(event.spread, 4),
        n_stations=len(event.stations),
        stations=[_contribution(share) for share in event.stations],
        model=model,
    )


def _tenth(time_ns: int) -> int:
    return round(time_ns / (NS_PER_S // 10)) * (NS_PER_S // 10)


def _contribution(share: Contribution) -> ContributionMessage:
    event, km = share.event, share.distance_km
    return ContributionMessage(
        station=Station.of(event.group),
        event_id=event.event_id,
        onset=rfc3339(event.onset_ns),
        since_onset_s=event.since_onset_s,
        magnitude=event.magnitude,
        uncertainty=event.uncertainty,
        weight=round(share.weight, 4),
        distance_km=None if km is None else round(km, 1),
    )

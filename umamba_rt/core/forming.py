"""A network event that may still grow: its stations' events, its source, what was told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Self, TypeAlias

from umamba_rt.core.association import Arrival, Place, Source
from umamba_rt.core.event_state import SavedForming
from umamba_rt.core.ids import GroupId
from umamba_rt.core.network_event import Contribution, NetworkEvent
from umamba_rt.core.network_magnitude import combine, weight_of
from umamba_rt.core.station_event import EventState, StationEvent
from umamba_rt.core.timebase import NS_PER_S

PlaceOf: TypeAlias = Callable[[GroupId, int], Place | None]


@dataclass(slots=True)
class Forming:
    """An event that may still grow.

    Attributes:
        event_id: its name.
        source: None where too few coordinates are known.
        members: the latest revision of each sensor's event.
        latest: the latest revision that was told.
        told_ns: the moment of the data at which it was, ns since 1970 UTC.
        changed: something came since.
        is_over: its time is up, and nothing of it was told.
        found_ns: end of the windows that it was found by, where not by its members' onsets.
    """

    event_id: str
    source: Source | None
    members: dict[GroupId, StationEvent]
    latest: NetworkEvent | None = None
    told_ns: int = 0
    changed: bool = True
    is_over: bool = False
    found_ns: int = 0

    @classmethod
    def of(cls, saved: SavedForming) -> Self:
        """As it was when it was saved."""
        members = {event.group: event for event in saved.members}
        return cls(
            saved.event_id,
            saved.source,
            members,
            saved.latest,
            saved.told_ns,
            saved.changed,
            saved.is_over,
            saved.found_ns,
        )

    @property
    def saved(self) -> SavedForming:
        """As plain values."""
        members = tuple(self.members.values())
        return SavedForming(
            self.event_id,
            self.source,
            members,
            self.latest,
            self.told_ns,
            self.changed,
            self.is_over,
            self.found_ns,
        )

    @property
    def first_ns(self) -> int:
        """The earliest onset, ns since 1970 UTC."""
        return min(event.onset_ns for event in self.members.values())

    @property
    def origin_ns(self) -> int:
        """Its source's, or the first onset."""
        return self.first_ns if self.source is None else self.source.origin_ns

    @property
    def is_closed(self) -> bool:
        """Whether its last revision was told, or none ever will be."""
        return self.is_over or (self.latest is not None and self.latest.state == "closed")

    def take_revision(self, event: StationEvent) -> bool:
        """Take a later revision of one of its members; False where it is none."""
        member = self.members.get(event.group)
        if member is None or member.event_id != event.event_id:
            return False
        self.members[event.group] = event
        self.changed = True
        return True

    def has_another_of(self, event: StationEvent) -> bool:
        """Whether an event of the same station is a member: of each station it has one P.

        A second sensor of the station sees the same P within a second.
        """
        station = event.group.station_id
        return any(
            group == event.group
            or (group.station_id == station and event.onset_ns - member.onset_ns > NS_PER_S)
            for group, member in self.members.items()
        )

    def tell(self, *, due: bool, min_magnitude: float, place_of: PlaceOf) -> NetworkEvent | None:
        """Its next revision; of several sensors of a station the one that weighs most.

        Args:
            due: to be closed.
            min_magnitude: before it reaches this, nothing is told of it.
            place_of: coordinates of a sensor at a time.
        """
        self.changed = False
        one = self._revision("closed" if due else "updated" if self.latest else "open", place_of)
        if self.latest is None and one.magnitude < min_magnitude:
            self.is_over = due
            return None
        self.latest = one
        return one

    def late_s(self, source: Source, place_of: PlaceOf) -> float | None:
        """How much later its onsets are than P of a source, median, s; None without places."""
        arrivals = arrivals_of(self.members.values(), place_of)
        late = [(a.onset_ns - source.p_ns(a.place)) / NS_PER_S for a in arrivals if a.place]
        return median(late) if late else None

    def _revision(self, state: EventState, place_of: PlaceOf) -> NetworkEvent:
        best: dict[str, tuple[float, StationEvent, float | None]] = {}
        for member in sorted(self.members.values(), key=by_onset):
            place = place_of(member.group, member.onset_ns)
            distance_km = self.source.distance_km(place) if self.source and place else None
            weight, station = weight_of(member, distance_km), member.group.station_id
            if station not in best or weight > best[station][0]:
                best[station] = weight, member, distance_km
        mean = combine([m.magnitude for _, m, _ in best.values()], [w for w, _, _ in best.values()])
        shares = zip(best.values(), mean.weights, strict=True)
        return NetworkEvent(
            event_id=self.event_id,
            state=state,
            revision=0 if self.latest is None else self.latest.revision + 1,
            end_ns=max(self.found_ns, *(member.end_ns for member in self.members.values())),
            source=self.source,
            magnitude=mean.magnitude,
            uncertainty=mean.uncertainty,
            spread=mean.spread,
            stations=tuple(Contribution(m, share, km) for (_, m, km), share in shares),
        )


def arrivals_of(events: Iterable[StationEvent], place_of: PlaceOf) -> Iterator[Arrival]:
    """The onsets of events whose sensors have a place."""
    for event in events:
        arrival = arrival_of(event, place_of)
        if arrival is not None:
            yield arrival


def arrival_of(event: StationEvent, place_of: PlaceOf) -> Arrival | None:
    """The onset of an event; None where its sensor has no place."""
    place = place_of(event.group, event.onset_ns)
    return None if place is None else Arrival(event.group.station_id, event.onset_ns, place)


def by_onset(event: StationEvent) -> tuple[int, GroupId]:
    """To sort by."""
    return event.onset_ns, event.group

"""Station events that one source explains become a network event, and grow it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from umamba_rt.core.association import Arrival, Place, Source, find_source, relocate
from umamba_rt.core.event_state import SavedCoincidence
from umamba_rt.core.forming import Forming, PlaceOf, arrival_of, arrivals_of, by_onset
from umamba_rt.core.ids import GroupId
from umamba_rt.core.network_event import NetworkEvent
from umamba_rt.core.network_magnitude import combine, weight_of
from umamba_rt.core.network_rules import NetworkRules
from umamba_rt.core.source_scan import Hidden
from umamba_rt.core.station_event import StationEvent, second_of
from umamba_rt.core.timebase import NS_PER_S

# Station events that nothing explains are kept for as long as P takes through a network, and more.
_LOOSE_S = 60
# A closed event still takes in what comes late, and tells its S waves from new earthquakes.
_KEEP_S = 120
_MOST_LOOSE = 1000


@dataclass(frozen=True, slots=True)
class _Loose:
    """An onset that nothing explains yet; ``arrival`` is None where its place is not known."""

    event: StationEvent
    arrival: Arrival | None

    @property
    def place(self) -> Place | None:
        return None if self.arrival is None else self.arrival.place


class Coincidence:
    """Takes revisions of station events, tells revisions of network events.

    An onset is, in this order: the P of an event that is known; one of those from which a new
    event is found; or nothing yet. Of two earthquakes seconds apart each onset goes to the one
    whose P time it fits better, so that neighbours stay two.
    """

    def __init__(
        self,
        rules: NetworkRules,
        place_of: PlaceOf,
        working: Callable[[], Mapping[str, Place]],
    ) -> None:
        """Prepare.

        Args:
            rules: when station events are one earthquake.
            place_of: coordinates of a sensor at a time.
            working: the stations that send windows now, by name.
        """
        self._rules = rules
        self._place_of = place_of
        self._working = working
        self._events: list[Forming] = []
        self._loose: dict[str, _Loose] = {}
        self._oldest_ns = 0  # no loose onset is older

    @property
    def saved(self) -> SavedCoincidence:
        """What ``resume`` goes on from."""
        forming = tuple(forming.saved for forming in self._events)
        return SavedCoincidence(forming, tuple(one.event for one in self._loose.values()))

    def resume(self, saved: SavedCoincidence) -> None:
        """Go on with an earlier run's events; to be called before anything is accepted."""
        self._events = [Forming.of(one) for one in saved.forming]
        for event in saved.loose:
            self._keep(event)

    def look_up_places(self) -> None:
        """Go by what ``place_of`` says now; to be called when that has changed."""
        for one in list(self._loose.values()):
            self._keep(one.event)

    def accept(self, event: StationEvent) -> None:
        """Take a revision of a station event."""
        if any(forming.take_revision(event) for forming in self._events):
            return
        known = self._loose.get(event.event_id)
        if known is not None and known.event.onset_ns == event.onset_ns:
            self._loose[event.event_id] = _Loose(event, known.arrival)
        elif known is not None:
            self._keep(event)
        elif event.revision == 0 and not self._joins(event):
            self._find(self._keep(event))

    def reveal(self, hidden: Hidden, members: Mapping[GroupId, StationEvent], now_ns: int) -> None:
        """Open an event that the stack over the stations shows, unless it is known.

        Args:
            hidden: what the stack shows.
            members: what each station's windows say of it. Where a station's trigger saw its P
                and nothing explained that until now, the event of the trigger stands.
            now_ns: data time, as for ``tell``.
        """
        late_s = [forming.late_s(hidden.source, self._place_of) for forming in self._events]
        if any(late is not None and abs(late) <= self._rules.hidden_apart_s for late in late_s):
            return
        if len(members) < self._rules.min_stations:
            return
        # Not by what the triggers' events have become: their latest windows may hold the next
        # earthquake already.
        weights = [weight_of(member, None) for member in members.values()]
        mean = combine([member.magnitude for member in members.values()], weights)
        if mean.magnitude < self._rules.hidden_magnitude:
            return
        chosen = dict(members)
        for one in self._loose.values():
            place = one.place
            if place is not None and one.event.group in chosen:
                off_ns = one.event.onset_ns - hidden.source.p_ns(place)
                if abs(off_ns) <= self._rules.tolerance_s * NS_PER_S:
                    chosen[one.event.group] = one.event
        self._begin(hidden.source, list(chosen.values())).found_ns = now_ns

    def tell(self, now_ns: int) -> list[NetworkEvent]:
        """The revisions that are due.

        Args:
            now_ns: data time: the end of the windows that were taken in, ns since 1970 UTC.
        """
        told: list[NetworkEvent] = []
        for forming in self._events:
            if forming.is_closed:
                continue
            due = now_ns - forming.origin_ns >= self._rules.close_after_s * NS_PER_S
            if forming.changed or due:
                one = forming.tell(
                    due=due, min_magnitude=self._rules.min_magnitude, place_of=self._place_of
                )
                told += [] if one is None else [one]
                forming.told_ns = now_ns
        self._forget(now_ns)
        return told

    def _keep(self, event: StationEvent) -> _Loose:
        if not self._loose or event.onset_ns < self._oldest_ns:
            self._oldest_ns = event.onset_ns
        one = _Loose(event, arrival_of(event, self._place_of))
        self._loose[event.event_id] = one
        return one

    def _joins(self, event: StationEvent) -> bool:
        """Take an onset for the P of a known event, where it is one: the one that it fits best."""
        place = self._place_of(event.group, event.onset_ns)
        fits = [
            (off_s, index)
            for index, forming in enumerate(self._events)
            if (off_s := self._off_p_s(forming, event, place)) is not None
        ]
        if fits:
            self._join(self._events[min(fits)[1]], event)
        return bool(fits)

    def _off_p_s(self, forming: Forming, event: StationEvent, place: Place | None) -> float | None:
        """How far an onset lies from an event's P, s; None where it is not that."""
        if forming.source is None or place is None:
            off_s = (event.onset_ns - forming.first_ns) / NS_PER_S
            limit_s = self._rules.window_s
        else:
            p_ns = forming.source.p_ns(place)
            travel_s = (p_ns - forming.source.origin_ns) / NS_PER_S
            off_s = abs(event.onset_ns - p_ns) / NS_PER_S
            limit_s = self._rules.join_s + self._rules.join_share * travel_s
        # The time first: it costs less than to go through the members.
        return None if abs(off_s) > limit_s or forming.has_another_of(event) else off_s

    def _join(self, forming: Forming, event: StationEvent) -> None:
        forming.members[event.group] = event
        forming.changed = True
        if forming.source is not None:
            located = list(arrivals_of(forming.members.values(), self._place_of))
            if len(located) >= self._rules.min_stations:
                forming.source = relocate(forming.source, located, self._rules.reach_km)

    def _find(self, newest: _Loose) -> None:
        """Open an event that the newest onset completes, where it completes one."""
        span_ns, newest_ns = _LOOSE_S * NS_PER_S // 2, newest.event.onset_ns
        near = [o for o in self._loose.values() if abs(o.event.onset_ns - newest_ns) <= span_ns]
        if newest.arrival is None:
            self._find_without_places(
                newest.event, [one.event for one in near if one.arrival is None]
            )
            return
        found = find_source(
            [one.arrival for one in near if one.arrival is not None],
            newest.arrival,
            min_stations=self._rules.min_stations,
            tolerance_s=self._rules.tolerance_s,
            reach_km=self._rules.reach_km,
        )
        if found is None:
            return
        source, chosen = found
        of_station = {arrival.station: arrival for arrival in chosen}
        members = [
            one.event
            for one in near
            if one.arrival is not None and of_station.get(one.arrival.station) == one.arrival
        ]
        # What is dear at last: most sources of a swarm are S or known.
        if (
            not self._is_known(source)
            and not self._are_s(members)
            and self._is_seen(source, chosen)
        ):
            self._begin(source, members)

    def _find_without_places(self, newest: StationEvent, near: list[StationEvent]) -> None:
        span_ns = round(self._rules.window_s * NS_PER_S)
        unplaced = [e for e in near if 0 <= newest.onset_ns - e.onset_ns <= span_ns]
        stations = {e.group.station_id for e in unplaced}
        if len(stations) >= self._rules.min_stations and not self._are_s(unplaced):
            self._begin(None, unplaced)

    def _is_known(self, source: Source) -> bool:
        """Whether a source is another's over again: its origin is as good as the same."""
        limit_ns = self._rules.apart_s * NS_PER_S
        return any(
            abs(forming.origin_ns - source.origin_ns) <= limit_ns
            and (
                forming.source is None
                or forming.source.distance_km(source.place) <= self._rules.reach_km
            )
            for forming in self._events
        )

    def _are_s(self, members: list[StationEvent]) -> bool:
        """Whether most of the onsets are S of one known event.

        One such onset may be another earthquake's P. Of all its onsets only those at stations of
        one distance are: nearer ones lie behind the S, farther ones before.
        """
        return any(
            sum(self._is_s(forming, member) for member in members)
            >= self._rules.s_members * len(members)
            for forming in self._events
        )

    def _is_s(self, forming: Forming, event: StationEvent) -> bool:
        place = self._place_of(event.group, event.onset_ns)
        if forming.source is None or place is None:
            # Nothing tells P from S: what comes so soon is taken for the same earthquake's.
            return 0 <= event.onset_ns - forming.first_ns <= self._rules.window_s * NS_PER_S
        late_s = (event.onset_ns - forming.source.s_ns(place)) / NS_PER_S
        return -self._rules.s_before_s <= late_s <= self._rules.s_after_s

    def _is_seen(self, source: Source, chosen: list[Arrival]) -> bool:
        """Whether enough of the stations that should see it do."""
        heard = {arrival.station for arrival in chosen}
        working = self._working()
        places = [arrival.place for arrival in chosen if arrival.place is not None]
        distances_km = source.distances_km([*places, *working.values()])
        within = distances_km[len(places) :] <= distances_km[: len(places)].max()
        near = {name for name, is_near in zip(working, within.tolist(), strict=True) if is_near}
        return len(heard) >= self._rules.min_share * len(near | heard)

    def _begin(self, source: Source | None, members: list[StationEvent]) -> Forming:
        members = sorted(members, key=by_onset)
        first = members[0]
        name = f"{second_of(first.onset_ns)}-{first.group.station_id}"
        forming = Forming(name, source, {member.group: member for member in reversed(members)})
        self._events.append(forming)
        for member in members:
            self._loose.pop(member.event_id, None)
        for other in list(self._loose.values()):
            if self._off_p_s(forming, other.event, other.place) is not None:
                self._join(forming, other.event)
                del self._loose[other.event.event_id]
        return forming

    def _forget(self, now_ns: int) -> None:
        self._events = [
            forming
            for forming in self._events
            if now_ns - forming.origin_ns < (self._rules.close_after_s + _KEEP_S) * NS_PER_S
        ]
        due_ns = now_ns - _LOOSE_S * NS_PER_S
        if self._oldest_ns < due_ns:
            self._loose = {n: o for n, o in self._loose.items() if o.event.onset_ns >= due_ns}
            self._oldest_ns = min((o.event.onset_ns for o in self._loose.values()), default=0)
        while len(self._loose) > _MOST_LOOSE:
            del self._loose[next(iter(self._loose))]

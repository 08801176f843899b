"""Readings of estimates in, event messages out: the same for the daemon and a direct replay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from umamba_rt.config.events import EventsConfig
from umamba_rt.core.association import Place
from umamba_rt.core.coincidence import Coincidence
from umamba_rt.core.estimate import ModelIdentity
from umamba_rt.core.event_state import SavedEvents, SavedMoment, SavedRead, SavedSensor
from umamba_rt.core.forming import by_onset
from umamba_rt.core.ids import GroupId, SourceId
from umamba_rt.core.inventory import Inventory
from umamba_rt.core.network_event import NetworkEvent
from umamba_rt.core.recent_readings import RecentReadings
from umamba_rt.core.rise import Rises
from umamba_rt.core.source_scan import SourceScan
from umamba_rt.core.station_event import Reading, StationEvent, StationEvents
from umamba_rt.core.tick_order import TickOrder
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.wire.event_message import (
    NetworkEventMessage,
    StationEventMessage,
    network_event_message,
    station_event_message,
)

EventMessage: TypeAlias = StationEventMessage | NetworkEventMessage

# A station whose latest window is older than this is not expected to see an earthquake.
_WORKING_NS = 60 * NS_PER_S
# A killed run's latest messages may have left it or not; these are told again, by the data's time,
# which passes half a minute a second where a backlog is caught up with.
_IN_DOUBT_NS = 30 * NS_PER_S
# A window that an earlier run has read comes again at most so far behind the latest one; what is
# older is of a clock that was moved back.
_MOST_REPEATED_NS = 60 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Note:
    """What an estimate says to events.

    Attributes:
        reading: of its station.
        identity: of its model; None: as it was.
        rises: in its window's newest hop; None where they are not known.
    """

    reading: Reading
    identity: ModelIdentity | None = None
    rises: Rises | None = None


@dataclass(slots=True)
class Told:
    """What estimates made due.

    Attributes:
        messages: of each estimate, in the order in which they are to be sent.
        failures: the station and the traceback of each estimate that could not be read.
    """

    messages: list[list[EventMessage]] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Read:
    """A window's reading, and what follows from it at its own station."""

    reading: Reading
    revisions: list[StationEvent]
    rises: Rises | None


class Events:
    """Takes one model's estimates, in the order in which they are sent.

    A sensor's events follow at once. Network events wait until the sensors that keep step have
    sent their windows of the same time (``TickOrder``), so that they do not depend on whose packet
    came first. Everything is decided by the data's times: no clock is read.

    For one thread.
    """

    def __init__(
        self,
        config: EventsConfig,
        inventory: Inventory,
        identity: ModelIdentity | None = None,
    ) -> None:
        """Prepare.

        Args:
            config: the rules.
            inventory: for the stations' places.
            identity: the model's whose estimates they take, as far as it is known before the first.
        """
        self._config = config
        self._inventory = inventory
        self._identity = identity
        self._sensors: dict[GroupId, StationEvents] = {}
        self._latest_ns: dict[GroupId, int] = {}
        self._places: dict[GroupId, Place | None] = {}
        self._placed: dict[str, Place] | None = None  # what _working says, until it may change
        self._order: TickOrder[_Read] = TickOrder(round(config.wait_s * NS_PER_S))
        self._network = Coincidence(config.network, self._place_of, self._working)
        self._scan = SourceScan(config.scan_rules, self._place_of)
        self._readings = RecentReadings()

    def adopt(self, inventory: Inventory) -> None:
        """Go by other places from the next estimate on."""
        self._inventory = inventory
        self._places.clear()
        self._placed = None
        self._network.look_up_places()

    def under(self, config: EventsConfig, inventory: Inventory) -> Events:
        """The same events, to go on by other rules.

        What shows in the stack over all stations alone is sought anew.
        """
        other = Events(config, inventory, self._identity)
        other.resume(self.saved)
        return other

    def read(self, note: Note) -> Iterator[EventMessage]:
        """Take an estimate; a window that was read, be it by an earlier run, is nothing.

        Yields:
            What it makes due, in the order in which it is to be sent.
        """
        reading = note.reading
        self._identity = note.identity or self._identity
        if self._was_read(reading):
            return
        assert self._identity is not None
        self._latest_ns[reading.group] = reading.end_ns
        self._placed = None
        sensor = self._sensors.get(reading.group)
        if sensor is None:
            sensor = self._sensors[reading.group] = StationEvents(self._config.station)
        revisions = sensor.read(reading)
        for event in revisions:
            yield station_event_message(event, self._identity)
        read = _Read(reading, revisions, note.rises)
        for moment_ns, ready in self._order.put(reading.group, reading.end_ns, read):
            yield from self._tell(moment_ns, ready)

    @property
    def saved(self) -> SavedEvents:
        """What ``resume`` goes on from."""
        sensors = (
            SavedSensor(group, end_ns, self._sensors[group].latest)
            for group, end_ns in self._latest_ns.items()
        )
        waiting = (
            SavedMoment(end_ns, tuple(SavedRead(r.reading, tuple(r.revisions)) for _, r in items))
            for end_ns, items in self._order.waiting
        )
        return SavedEvents(self._identity, tuple(sensors), tuple(waiting), self._network.saved)

    def resume(self, saved: SavedEvents) -> None:
        """Go on with an earlier run's events; to be called before anything is taken.

        What shows in the stack over all stations alone is sought anew.
        """
        self._identity = saved.identity or self._identity
        self._latest_ns = {one.group: one.end_ns for one in saved.sensors}
        self._sensors = {
            one.group: StationEvents(self._config.station, one.latest) for one in saved.sensors
        }
        waiting = (
            (
                moment.end_ns,
                [
                    (one.reading.group, _Read(one.reading, list(one.revisions), None))
                    for one in moment.reads
                ],
            )
            for moment in saved.waiting
        )
        self._order.resume(self._latest_ns, waiting)
        self._network.resume(saved.network)

    def told_again(self) -> list[EventMessage]:
        """What subscribers are told once more after ``resume``.

        That is the latest revision of what is open, so that the new session's history has it, and
        of what was told at last, which the end of the earlier run may have taken along.
        """
        if self._identity is None:
            return []
        saved, identity = self.saved, self._identity
        stations, network = saved.told_since(saved.foremost_ns - _IN_DOUBT_NS)
        told: list[EventMessage] = [station_event_message(one, identity) for one in stations]
        return told + [network_event_message(one, identity) for one in network]

    def _was_read(self, reading: Reading) -> bool:
        latest_ns = self._latest_ns.get(reading.group)
        return latest_ns is not None and 0 <= latest_ns - reading.end_ns <= _MOST_REPEATED_NS

    def finish(self) -> Iterator[EventMessage]:
        """What waits for stations that lag: none will come."""
        for moment_ns, ready in self._order.finish():
            yield from self._tell(moment_ns, ready)

    def _tell(self, moment_ns: int, ready: list[_Read]) -> Iterator[NetworkEventMessage]:
        assert self._identity is not None
        # By their onsets, not their names: a moment may bring 30 s of them, behind a gap.
        for event in sorted((e for read in ready for e in read.revisions), key=by_onset):
            self._network.accept(event)
        for read in ready:
            self._readings.note(read.reading)
        for hidden in self._scan.take(self._rises(ready)):
            members = self._readings.members(hidden, self._place_of)
            self._network.reveal(hidden, members, moment_ns)
        told: list[NetworkEvent] = self._network.tell(moment_ns)
        for one in told:
            yield network_event_message(one, self._identity)

    def _rises(self, ready: list[_Read]) -> list[tuple[GroupId, Rises]]:
        """Of the sensors that the scan can use: those whose place is known."""
        return [
            (read.reading.group, read.rises)
            for read in ready
            if read.rises and self._place_of(read.reading.group, read.reading.end_ns)
        ]

    def _place_of(self, group: GroupId, time_ns: int) -> Place | None:
        """Of the vertical's epoch; looked up once a sensor: no station moves by kilometres."""
        place = self._places.get(group)
        if place is None and group not in self._places:
            codes = (group.network, group.station, group.location, *group.band_source)
            epoch = self._inventory.at(SourceId(*codes, "Z"), time_ns) if len(codes) == 5 else None
            place = Place(epoch.latitude_deg, epoch.longitude_deg) if epoch else None
            self._places[group] = place
        return place

    def _working(self) -> dict[str, Place]:
        if self._placed is None:
            foremost_ns = max(self._latest_ns.values(), default=0)
            self._placed = {
                group.station_id: place
                for group, latest_ns in self._latest_ns.items()
                if foremost_ns - latest_ns <= _WORKING_NS
                and (place := self._place_of(group, latest_ns)) is not None
            }
        return self._placed

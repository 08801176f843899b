"""What a client has asked for so far in its handshake: stations, selectors, positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from umamba_rt.wire.seedlink_commands import CommandError, parse_time_ns
from umamba_rt.wire.seedlink_events import Ending
from umamba_rt.wire.seedlink_frames import Protocol
from umamba_rt.wire.seedlink_select import Position, Selector, Subscription, station_pattern

MAX_STATIONS = 1000
MAX_SELECTORS = 100


@dataclass(slots=True)
class StationRequest:
    """One STATION command and what has been said about it so far."""

    pattern: str
    selectors: list[Selector] = field(default_factory=list)
    position: Position = field(default_factory=Position)

    def select(self, words: list[str], parse: Callable[[str], Selector]) -> None:
        """Add the patterns of one SELECT command, all or none.

        Raises:
            CommandError: a pattern cannot be read or met, or there are over `MAX_SELECTORS`.
        """
        if len(self.selectors) + len(words) > MAX_SELECTORS:
            raise CommandError("LIMIT", f"over {MAX_SELECTORS} selectors")
        try:
            self.selectors += [parse(word) for word in words]
        except ValueError as error:
            raise CommandError("ARGUMENTS", str(error)) from error
        except LookupError as error:
            raise CommandError("UNSUPPORTED", f"no filter {error.args[0]}") from error


class Request:
    """The stations of a handshake, in the order of their STATION commands."""

    def __init__(self) -> None:
        self._stations: list[StationRequest] = []
        self._uni = StationRequest("*")

    @property
    def has_station(self) -> bool:
        """Whether any STATION command has been accepted; if not, v3 is in uni-station mode."""
        return bool(self._stations)

    @property
    def current_or_all(self) -> StationRequest:
        """The last STATION command's, or v3's uni-station mode's, which means every station."""
        return self._stations[-1] if self._stations else self._uni

    def current(self, command: str) -> StationRequest:
        """The last STATION command's.

        Raises:
            CommandError: there was none; ``command`` came too early.
        """
        if not self._stations:
            raise CommandError("UNEXPECTED", f"{command} without STATION")
        return self._stations[-1]

    def add(self, pattern: str) -> None:
        """Take a STATION command.

        Raises:
            CommandError: the pattern is none, or there are over `MAX_STATIONS`.
        """
        if len(self._stations) >= MAX_STATIONS:
            raise CommandError("LIMIT", f"over {MAX_STATIONS} stations")
        try:
            self._stations.append(StationRequest(station_pattern(pattern)))
        except ValueError as error:
            raise CommandError("ARGUMENTS", str(error)) from error

    def fetch_only(self) -> None:
        """Make every station's transfer end with what is queued, as v4's ENDFETCH asks."""
        for station in self._stations:
            station.position = queued(station.position)

    def freeze(self, protocol: Protocol) -> tuple[Subscription, ...]:
        """The subscriptions; in v3 an explicit station goes before a wildcard."""
        stations = self._stations or [self._uni]
        if protocol is Protocol.V3:
            stations = sorted(stations, key=lambda s: "*" in s.pattern or "?" in s.pattern)
        return tuple(Subscription(s.pattern, tuple(s.selectors), s.position) for s in stations)


def read_position(words: list[str], parse_number: Callable[[str], int | None]) -> Position:
    """Read ``[seq|ALL [begin [end]]]``, the arguments of DATA and FETCH.

    A window without a number is taken from the buffer, not from the next packet.

    Raises:
        CommandError: an argument cannot be read.
    """
    if len(words) > 3:
        raise CommandError("ARGUMENTS", "at most a number, a begin and an end")
    whole = bool(words) and words[0].upper() == "ALL"
    number = None if whole or not words else parse_number(words[0])
    times = [parse_time_ns(word) for word in words[1:]]
    start_ns = times[0] if times else None
    end_ns = times[1] if len(times) > 1 else None
    from_first = whole or (number is None and start_ns is not None)
    return Position(number, from_first, start_ns, end_ns)


def queued(position: Position) -> Position:
    """The same position, over with what is queued.

    "The next packet" of a queue means nothing: without a number the whole queue is meant.
    """
    return replace(position, queued_only=True, from_first=position.number is None)


def ending_of(subscriptions: tuple[Subscription, ...]) -> Ending:
    """When a transfer ends that no v4 END has declared endless."""
    positions = [subscription.position for subscription in subscriptions]
    if all(position.queued_only for position in positions):
        return Ending.QUEUE
    if all(position.queued_only or position.end_ns is not None for position in positions):
        return Ending.WINDOW
    return Ending.NEVER

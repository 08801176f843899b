"""The fault switches of the replay server: what they are called and what they take."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn

from umamba_rt.wire.seedlink_select import station_pattern

MAX_DELAY_S = 3600.0
MAX_PLACES = 1000
MAX_BITS = 4096
MAX_BYTES_S = 1_000_000


class FaultError(ValueError):
    """A fault switch cannot be read; the text names it, what was found and what may stand there."""


@dataclass(frozen=True, slots=True)
class When:
    """Which packets of a connection a fault strikes.

    Attributes:
        chance: of each packet, from 0 to 1.
        nth: the one packet that it strikes, counted from 1; None: any, by ``chance``.
    """

    chance: float = 0.0
    nth: int | None = None


NEVER = When()


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong on a server's connections; by default nothing.

    Attributes:
        drop: the packet is left out.
        duplicate: the packet is sent twice.
        corrupt: ``corrupt_bits`` bits of its record are flipped.
        reorder: the packet is sent behind the ``reorder_places`` that follow it.
        cut: a part of the packet is sent, and the connection closed.
        half_open: from this packet on nothing is sent, and the connection stays open.
        trickle: from this packet on everything leaves at ``trickle_bytes_s`` bytes a second.
        delay_s: every packet leaves this much later, s.
        refuse: chance that a connection is closed as soon as it is made.
        refused_stations: patterns of stations whose STATION command is answered with an error.
        v3_only: the server knows no SeedLink 4.
        http: the server answers like a web server.
        seed: the same seed gives the same faults to the n-th connection.
        connections: only the first so many connections are disturbed; None: all.
    """

    drop: When = NEVER
    duplicate: When = NEVER
    corrupt: When = NEVER
    corrupt_bits: int = 1
    reorder: When = NEVER
    reorder_places: int = 3
    cut: When = NEVER
    half_open: When = NEVER
    trickle: When = NEVER
    trickle_bytes_s: float = 1.0
    delay_s: float = 0.0
    refuse: float = 0.0
    refused_stations: tuple[str, ...] = ()
    v3_only: bool = False
    http: bool = False
    seed: int = 0
    connections: int | None = None

    def strike(self, connection: int) -> bool:
        """Whether the n-th connection, from 1, is disturbed at all."""
        return self != _NONE and (self.connections is None or connection <= self.connections)


_NONE = Faults()


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch, for the help text and the documentation."""

    name: str
    takes: str
    meaning: str


SWITCHES = (
    Switch("drop", "WHEN", "leave the packet out"),
    Switch("delay", "SECONDS", "send everything this much later"),
    Switch("duplicate", "WHEN", "send the packet twice"),
    Switch("reorder", "WHEN[:PLACES]", "send it behind the next PLACES packets (3)"),
    Switch("corrupt", "WHEN[:BITS]", "flip BITS bits (1) of its record"),
    Switch("cut", "WHEN", "send a part of the packet and close"),
    Switch("half-open", "WHEN", "send nothing any more and do not close"),
    Switch("trickle", "WHEN[:BYTES]", "go on with BYTES bytes a second (1)"),
    Switch("refuse", "CHANCE", "close the connection as soon as it is made"),
    Switch("refuse-station", "NET_STA", "answer STATION with an error; * and ? match"),
    Switch("v3-only", "", "know no SeedLink 4"),
    Switch("http", "", "answer with a page of HTTP"),
)
_BY_NAME = {switch.name: switch for switch in SWITCHES}
_WHEN = "a chance above 0 and up to 1, or @N for each connection's N-th packet"


def parse_faults(texts: Iterable[str], *, seed: int = 0, connections: int | None = None) -> Faults:
    """Read switches, each ``NAME`` or ``NAME=VALUE``.

    Args:
        texts: such as ``drop=0.01``, ``reorder=0.1:5``, ``cut=@40``, ``http``.
        seed: see ``Faults``.
        connections: see ``Faults``.

    Raises:
        FaultError: the first switch that is unknown, doubled, or takes another value.
    """
    found, stations = _sort(texts)
    made = _Reader(found)
    return Faults(
        drop=made.when("drop"),
        duplicate=made.when("duplicate"),
        corrupt=made.when("corrupt", "BITS"),
        corrupt_bits=int(made.argument("corrupt", 1, 1, MAX_BITS, whole=True)),
        reorder=made.when("reorder", "PLACES"),
        reorder_places=int(made.argument("reorder", 3, 1, MAX_PLACES, whole=True)),
        cut=made.when("cut"),
        half_open=made.when("half-open"),
        trickle=made.when("trickle", "BYTES"),
        trickle_bytes_s=made.argument("trickle", 1.0, 0.01, MAX_BYTES_S),
        delay_s=made.number("delay", 0.001, MAX_DELAY_S),
        refuse=made.number("refuse", 0.0, 1.0, above=True),
        refused_stations=tuple(stations),
        v3_only="v3-only" in found,
        http="http" in found,
        seed=seed,
        connections=connections,
    )


def _sort(texts: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """The switches by name, and the stations to refuse."""
    found: dict[str, str] = {}
    stations: list[str] = []
    for text in texts:
        name, equals, value = text.partition("=")
        _check_shape(text, name, bool(equals), value)
        if name == "refuse-station":
            stations.append(_station(text, value))
        elif name in found:
            raise FaultError(f"{text}: {name} was given before, as {found[name]}")
        else:
            found[name] = text
    return found, stations


def _check_shape(text: str, name: str, equals: bool, value: str) -> None:
    switch = _BY_NAME.get(name)
    if switch is None:
        near = difflib.get_close_matches(name, _BY_NAME, n=1) or list(_BY_NAME)
        raise FaultError(f"{text}: no fault {name!r}, expected {', '.join(near)}")
    if switch.takes and not value:
        raise FaultError(f"{text}: found no value, expected {name}={switch.takes}")
    if equals and not switch.takes:
        raise FaultError(f"{text}: found {value!r}, expected {name} alone")


def _station(text: str, value: str) -> str:
    try:
        return station_pattern(value)
    except ValueError as error:
        raise FaultError(f"{text}: found {value!r}, expected NET_STA with * and ?") from error


@dataclass(frozen=True, slots=True)
class _Reader:
    """Values of the switches that were given, by name; each text is ``NAME=VALUE``."""

    texts: dict[str, str] = field(default_factory=dict)

    def when(self, name: str, argument: str = "") -> When:
        """``CHANCE`` or ``@N``, up to a colon where an argument may follow."""
        if name not in self.texts:
            return NEVER
        value = self._value(name)
        chosen, colon, _ = value.partition(":")
        if colon and not argument:
            self._refuse(name, value, _WHEN)
        if chosen.startswith("@"):
            if not chosen[1:].isdecimal() or int(chosen[1:]) < 1:
                self._refuse(name, chosen, _WHEN)
            return When(nth=int(chosen[1:]))
        chance = self._float(name, chosen, _WHEN)
        if not 0 < chance <= 1:
            self._refuse(name, chosen, _WHEN)
        return When(chance=chance)

    def argument(
        self, name: str, default: float, low: float, high: float, *, whole: bool = False
    ) -> float:
        """What stands behind the colon."""
        if name not in self.texts:
            return default
        _, colon, text = self._value(name).partition(":")
        if not colon:
            return default
        noun = "a whole number" if whole else "a number"
        expected = f"{noun} from {low:g} to {high:g} behind the colon"
        value = self._float(name, text, expected)
        if not low <= value <= high or (whole and value != int(value)):
            self._refuse(name, text, expected)
        return value

    def number(self, name: str, low: float, high: float, *, above: bool = False) -> float:
        """The switch's one number; 0 where it was not given."""
        if name not in self.texts:
            return 0.0
        span = f"above {low:g} and up to" if above else f"from {low:g} to"
        expected = f"a number {span} {high:g}"
        value = self._float(name, self._value(name), expected)
        if not low <= value <= high or (above and value == low):
            self._refuse(name, self._value(name), expected)
        return value

    def _value(self, name: str) -> str:
        return self.texts[name].partition("=")[2]

    def _float(self, name: str, text: str, expected: str) -> float:
        try:
            return float(text)
        except ValueError:
            self._refuse(name, text, expected)

    def _refuse(self, name: str, found: str, expected: str) -> NoReturn:
        raise FaultError(f"{self.texts[name]}: found {found!r}, expected {expected}")

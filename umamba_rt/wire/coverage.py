"""Which of the streams that were asked for a server has, and what sensors they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from umamba_rt.core.ids import GroupId, SourceId
from umamba_rt.core.station import SCHEMES, ComponentSet
from umamba_rt.wire.seedlink_select import Selector, Subscription, find_subscription

# Z, N and E before 1 and 2: as where both come, the daemon takes what comes first.
_ORDER = "".join(dict.fromkeys("".join(SCHEMES)))


@dataclass(frozen=True, slots=True)
class Found:
    """What a server has of one configured stream.

    Attributes:
        text: as it was configured, ``NET_STA`` or ``NET_STA:SELECTORS``.
        stations: ``NET_STA`` of the stations that match.
        streams: the channels that the selectors let through.
        unread: selectors that could not be read here; the server decides on them.
    """

    text: str
    stations: tuple[str, ...]
    streams: tuple[SourceId, ...]
    unread: tuple[str, ...] = ()


@dataclass(slots=True)
class Completeness:
    """A sensor and its components.

    Attributes:
        group: which sensor.
        components: which of its channels fill a place, and which places are empty.
        surplus: channels that fill none.
    """

    group: GroupId
    components: ComponentSet = field(default_factory=ComponentSet)
    surplus: list[SourceId] = field(default_factory=list)


def find_streams(configured: Sequence[str], available: Iterable[SourceId]) -> list[Found]:
    """What a server has of each configured stream.

    A station that several of them match belongs to the first one, explicit names before
    wildcards, as servers have it.

    Args:
        configured: ``NET_STA`` or ``NET_STA:SELECTORS``, as in ``seedlink.streams``.
        available: the server's channels.
    """
    read = [_subscription(text) for text in configured]
    order = sorted(range(len(read)), key=lambda index: _is_wildcard(read[index][0].station))
    subscriptions = tuple(read[index][0] for index in order)
    chosen: list[list[SourceId]] = [[] for _ in configured]
    stations: list[set[str]] = [set() for _ in configured]
    for source_id in available:
        owner = find_subscription(subscriptions, source_id)
        if owner is not None:
            chosen[order[owner]].append(source_id)
        for (subscription, _), names in zip(read, stations, strict=True):
            if subscription.matches_station(source_id.station_id):
                names.add(source_id.station_id)
    return [
        Found(text, tuple(sorted(names)), tuple(sorted(streams)), unread)
        for text, names, streams, (_, unread) in zip(
            configured, stations, chosen, read, strict=True
        )
    ]


def sensors_of(streams: Iterable[SourceId]) -> list[Completeness]:
    """The sensors that channels make, in the order of their names."""
    sensors: dict[GroupId, Completeness] = {}
    for source_id in sorted(set(streams), key=_component_order):
        sensor = sensors.setdefault(source_id.group, Completeness(source_id.group))
        if sensor.components.admits(source_id):
            sensor.components.claim(source_id)
        else:
            sensor.surplus.append(source_id)
    return [sensors[group] for group in sorted(sensors)]


def _component_order(source_id: SourceId) -> tuple[int, str]:
    place = _ORDER.find(source_id.subsource)
    return (place if place >= 0 else len(_ORDER), str(source_id))


def _is_wildcard(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def _subscription(text: str) -> tuple[Subscription, tuple[str, ...]]:
    """A configured stream, and its selectors that could not be read."""
    station, _, words = text.partition(":")
    selectors: list[Selector] = []
    unread: list[str] = []
    for word in words.split():
        selector = _selector(word)
        if selector is None:
            unread.append(word)
        else:
            selectors.append(selector)
    return Subscription(station, tuple(selectors)), tuple(unread)


def _selector(word: str) -> Selector | None:
    """A selector of either protocol: the client translates between them."""
    try:
        return Selector.parse_v3(word)
    except ValueError:
        pass
    try:
        # What stands behind a colon is a conversion, and chooses nothing.
        return Selector.parse_v4(word.partition(":")[0])
    except (ValueError, LookupError):
        return None

"""What a server says that it still holds (INFO STATIONS), and whether a position lies in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from umamba_rt.io.statefile import Position

_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{6}")
_V3_NUMBERS = 1 << 24  # v3 packets carry the last 24 bits
_MAX_STATIONS = 100_000


@dataclass(frozen=True, slots=True)
class Extent:
    """A station's packets at the server: the first number and the last one.

    Where a v3 server's digits can be read as decimal and as hexadecimal there are two of them.
    """

    station_id: str
    first: int
    last: int


def extents_v4(document: Any) -> list[Extent]:
    """Read the JSON of SeedLink 4; what has another form is left out.

    Source: SeedLink 4.0, INFO STATIONS: ``station``, ``id``, ``start_seq``, ``end_seq``.
    """
    found = []
    for one in _entries(document, "station"):
        station_id, first, last = one.get("id"), one.get("start_seq"), one.get("end_seq")
        if isinstance(station_id, str) and isinstance(first, int) and isinstance(last, int):
            found.append(Extent(station_id, first, last))
    return found


def extents_v3(document: Any) -> list[Extent]:
    """Read what seedlink-client makes of SeedLink 3's XML; what has another form is left out.

    Source: ringserver writes ``begin_seq`` and ``end_seq`` in decimal digits (seen in a recorded
    conversation), SeisComP's server in six hexadecimal ones. Where ringserver's have passed 24
    bits, its packets' numbers tell nothing of them: such stations are left out.
    """
    root = document.get("seedlink") if isinstance(document, dict) else None
    found = []
    for one in _entries(root, "station"):
        station_id = f"{one.get('network')}_{one.get('name')}"
        texts = str(one.get("begin_seq")), str(one.get("end_seq"))
        if all(text.isdecimal() for text in texts):
            found.append(Extent(station_id, *(int(text) for text in texts)))
        if all(_HEXADECIMAL.fullmatch(text) for text in texts):
            found.append(Extent(station_id, *(int(text, 16) for text in texts)))
    return [one for one in found if one.last < _V3_NUMBERS]


def misplaced(position: Position, extents: Iterable[Extent]) -> str | None:
    """Why a server cannot go on behind a position, in one word; None where it can.

    Args:
        position: the packet to go on behind.
        extents: of the stations of this stream; with none of them nothing is known, nor where
            SeedLink 3's 24 bits have begun anew.

    Returns:
        ``future``: the server has not come so far; it is another, or began anew.
        ``beyond-buffer``: the next packet has left its buffer already.
    """
    known = list(extents)
    if not known or any(one.last < one.first for one in known):
        return None
    following = position.sequence + 1
    if following > max(one.last for one in known) + 1:
        return "future"
    return "beyond-buffer" if following < min(one.first for one in known) else None


def _entries(document: Any, name: str) -> Iterator[dict[str, Any]]:
    entries = document.get(name) if isinstance(document, dict) else None
    if isinstance(entries, list):
        yield from (one for one in entries[:_MAX_STATIONS] if isinstance(one, dict))

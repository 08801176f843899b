"""Which stream of a former selection a stream of a new one goes on behind."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase


def origin_of(station: str, sequences: Mapping[str, int | None]) -> str | None:
    """The former stream behind whose latest packet a stream is to be asked for.

    The one of the same name; else, of those that cover it or that it covers, the one that is
    furthest behind: what comes twice is counted as such, what does not come is lost.

    Args:
        station: ``NET_STA`` as asked for now, with wildcards.
        sequences: the latest packet of each former stream, by its name; None where none came.

    Returns:
        None where no stream fits, or no packet came.
    """
    if station in sequences:
        return station if sequences[station] is not None else None
    fitting = [
        (number, former)
        for former, number in sequences.items()
        if number is not None and (fnmatchcase(station, former) or fnmatchcase(former, station))
    ]
    return min(fitting)[1] if fitting else None

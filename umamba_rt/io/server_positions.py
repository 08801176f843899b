"""The positions of one server's streams: recovered, checked, moved on, saved."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog

from umamba_rt.core.ids import GroupId
from umamba_rt.core.timebase import rfc3339
from umamba_rt.errors import StateError
from umamba_rt.io.position import Receipt, ResumePoint
from umamba_rt.io.server_buffer import Extent, misplaced
from umamba_rt.io.statefile import Position, StateFile, set_aside
from umamba_rt.io.takeover import origin_of


class ServerPositions:
    """What a restart asks one server for, one position a stream.

    Attributes:
        recovered: positions that the last run left, by station; those found wrong are dropped.
    """

    def __init__(self, stations: Sequence[str], hold_ns: int, file: StateFile | None) -> None:
        """Make them; nothing is read.

        Args:
            stations: what is asked for, ``NET_STA`` with wildcards, as in the configuration.
            hold_ns: see ``ResumePoint``.
            file: where they are kept; None: nowhere.
        """
        self.recovered: dict[str, Position] = {}
        self._points = {station: ResumePoint(hold_ns) for station in stations}
        self._hold_ns = hold_ns
        self._file = file
        self._log = structlog.get_logger()

    def recover(self, now_ns: int, max_age_ns: int | None, max_future_ns: int) -> None:
        """Read what the last run left; a file that cannot be used is set aside.

        Args:
            now_ns: the wall clock, ns since 1970 UTC.
            max_age_ns: positions older than this are of no use; None: of any age.
            max_future_ns: positions further ahead than this are wrong.
        """
        if self._file is None:
            return
        try:
            positions = self._file.load()
        except StateError as error:
            self._set_aside(error.kind, error.detail)
            return
        except OSError as error:
            self._log.warning("state_unreadable", file=str(self._file.path), reason=str(error))
            return
        for station, position in positions.items():
            if station in self._points:
                self._points[station] = ResumePoint(self._hold_ns, position)
                self.recovered[station] = position
        for station, position in list(self.recovered.items()):
            if position.time_ns is None:
                continue
            detail = f"its packet is of {rfc3339(position.time_ns)}"
            if position.time_ns > now_ns + max_future_ns:
                self._refuse(station, "future", detail)
            elif max_age_ns is not None and position.time_ns < now_ns - max_age_ns:
                self._refuse(station, "too-old", detail)

    def take_over(self, former: ServerPositions) -> None:
        """Go on with the positions of another selection of the same server's streams."""
        sequences = {
            station: point.position.sequence if point.position else None
            for station, point in former._points.items()
        }
        for station in self._points:
            if station in former._points:
                self._points[station] = former._points[station]
            elif (origin := origin_of(station, sequences)) is not None:
                position = former._points[origin].position
                self._points[station] = ResumePoint(self._hold_ns, position)

    def check(self, extents: Iterable[Extent]) -> list[str]:
        """Hold the recovered positions against what the server still has.

        Returns:
            The stations whose position is of no use; they are to start from live.
        """
        known = list(extents)
        refused = []
        for station, position in list(self.recovered.items()):
            matching = [one for one in known if fnmatch.fnmatchcase(one.station_id, station)]
            kind = misplaced(position, matching)
            if kind is not None:
                first = min(one.first for one in matching)
                last = max(one.last for one in matching)
                detail = f"behind packet {position.sequence}, the server has {first} to {last}"
                self._refuse(station, kind, detail)
                refused.append(station)
        return refused

    def begin_anew(self, numbers: Mapping[str, int], extents: Iterable[Extent]) -> dict[str, int]:
        """Drop the positions of streams whose numbers the server has begun anew.

        Args:
            numbers: the latest packet of each stream, by its station.
            extents: what the server has now.

        Returns:
            Their stations, and the number before the first packet that the server has: what came
            to it since then has come to nobody.
        """
        known = list(extents)
        anew = {}
        for station, number in numbers.items():
            matching = [one for one in known if fnmatch.fnmatchcase(one.station_id, station)]
            if misplaced(Position(number, None), matching) != "future":
                continue
            first = min(one.first for one in matching)
            last = max(one.last for one in matching)
            anew[station] = max(0, first - 1)
            self._points[station].forget()
            detail = f"{station}: behind packet {number}, the server has {first} to {last}"
            self._log.warning("seedlink_numbers_anew", detail=detail)
        return anew

    def note(self, stations: Iterable[str], receipt: Receipt) -> bool:
        """Note a packet of these streams; True where it is the first one of any."""
        first = False
        for station in stations:
            first |= self._points[station].note(receipt)
        return first

    def advance(self, needed_from_ns: Callable[[GroupId], int | None], now_ns: int) -> None:
        """Move all positions forward; see ``ResumePoint.advance``."""
        for point in self._points.values():
            point.advance(needed_from_ns, now_ns)

    def snapshot(self) -> dict[str, Position | None]:
        """All positions as they are, for ``save``."""
        return {station: point.position for station, point in self._points.items()}

    def save(self, positions: dict[str, Position | None]) -> None:
        """Write positions to the file.

        Raises:
            OSError: they cannot be written.
        """
        if self._file is not None:
            self._file.save(positions)

    def _refuse(self, station: str, kind: str, detail: str) -> None:
        del self.recovered[station]
        self._points[station].forget()
        self._set_aside(kind, f"{station}: {detail}")

    def _set_aside(self, kind: str, detail: str) -> None:
        """Rename the file; a second stream that is refused finds it renamed already."""
        if self._file is None:
            return
        name = str(self._file.path)
        try:
            renamed: str | None = str(set_aside(self._file.path, kind))
        except OSError:
            renamed = None
        self._log.warning(
            "state_set_aside", file=name, kind=kind, detail=detail, renamed_to=renamed
        )

"""Which of a station's sensors are served: a rank, and who stands in for whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import takewhile
from typing import Literal, TypeAlias

from umamba_rt.core.ids import EMPTY_LOCATION, GroupId

Serve: TypeAlias = Literal["all", "preferred", "per-instrument"]


@dataclass(frozen=True, slots=True)
class Preference:
    """The operator's rule.

    Attributes:
        serve: ``all``: every sensor. ``preferred``: of each station the best one that gives
            windows. ``per-instrument``: the best one of each source code, as in H beside N.
        prefer: globs over ``BS`` or ``LOC.BS`` (band and source code; ``--`` for an empty
            location), best first. What none of them matches ranks last; equals rank by location,
            then by code.
        serve_all: globs over ``NET_STA``: stations of which every sensor is served all the same.
    """

    serve: Serve = "all"
    prefer: tuple[str, ...] = ()
    serve_all: tuple[str, ...] = ()

    def rivals_of(self, group: GroupId) -> tuple[str, ...] | None:
        """What a sensor shares with those that it stands back for; None where it never does."""
        station_id = group.station_id
        if self.serve == "all" or any(fnmatchcase(station_id, glob) for glob in self.serve_all):
            return None
        if self.serve == "preferred":
            return (station_id,)
        return station_id, group.band_source[1:]

    def rank(self, group: GroupId) -> tuple[int, str, str]:
        """Sorts a station's sensors, best first."""
        place = group.location or EMPTY_LOCATION
        for position, glob in enumerate(self.prefer):
            name = f"{place}.{group.band_source}" if "." in glob else group.band_source
            if fnmatchcase(name, glob):
                return position, group.location, group.band_source
        return len(self.prefer), group.location, group.band_source


SERVE_ALL = Preference()


@dataclass(slots=True)
class Roster:
    """Sensors that stand in for each other, and when each last showed that it works.

    A sensor is trusted for ``patience_ns`` after its first record and after each window of its
    newest data that it could give. The best trusted one is served; the others stand by with full
    rings, so that a change of the sensor costs no window of the new one. No time of the station is
    served twice: of the windows that a sensor gives late, those for which another one was served
    are not sent.

    Attributes:
        preference: how they rank.
        patience_ns: see above.
    """

    preference: Preference
    patience_ns: int
    _proved_ns: dict[GroupId, int] = field(default_factory=dict)
    _ranked: list[GroupId] = field(default_factory=list)
    _served: tuple[int, GroupId] | None = None  # the latest window, by its first index, and whose

    def prove(self, group: GroupId, now_ns: int) -> None:
        """Note a sensor's first record, or a window of its newest data that it could give."""
        if group not in self._proved_ns:
            self._ranked = sorted([*self._ranked, group], key=self.preference.rank)
        self._proved_ns[group] = now_ns

    @property
    def first(self) -> GroupId:
        """The one that ranks first of those seen so far; there is one at least."""
        return self._ranked[0]

    def instead_of(self, group: GroupId) -> str:
        """For the operator: that a sensor stands in for another one; nothing where it does not."""
        return "" if self.first == group else f", in place of {self.first}"

    def serves_instead(self, group: GroupId, first: int, now_ns: int) -> GroupId | None:
        """Who is served instead of a sensor for the window from grid index ``first`` on.

        Returns:
            None where the sensor itself is, which is then remembered.
        """
        for other in takewhile(group.__ne__, self._ranked):
            if now_ns - self._proved_ns[other] <= self.patience_ns:
                return other
        if self._served is not None and self._served[1] != group and first <= self._served[0]:
            return self._served[1]
        self._served = first, group
        return None

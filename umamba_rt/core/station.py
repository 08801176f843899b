"""Which channels make a sensor's Z N E: one sensor, one band and source code."""

from __future__ import annotations

from collections.abc import Iterable

from umamba_rt.core.ids import SourceId

COMPONENT_ORDER = "ZNE"
# Codes of three channels in the places Z N E, in the order in which they are tried. The first four
# are used as they come where no orientation is known: 1, 2 and X, Y are horizontals that need not
# point north and east (SEED 2.4, appendix A); that 2 and 3 beside a Z stand for N and E is how
# PhaseNet reads them. Of 123 and UVW (a symmetric triaxial sensor) none need be the vertical.
SCHEMES = ("ZNE", "Z12", "Z23", "ZXY", "123", "UVW")
_NEED_ORIENTATION = frozenset({"123", "UVW"})


class ComponentSet:
    """The channels that fill a sensor's three rows, in the order in which they came.

    A channel is let in as long as one scheme holds it together with all those before it: of a
    station that sends Z, N, E and also 1 and 2, whichever horizontal comes first decides. A row is
    a channel's until it is released.

    Attributes:
        codes: subsource codes of the channels, in the places Z N E, as in ``ZNE``, ``Z12``, ``Z``.
        missing: names of the places still empty, as in ``NE``.
        rows: rows of the places that are filled, in the order Z N E.
        is_vertical_only: a Z is all that has come.
        needs_orientation: the codes say nothing of where the channels point.
    """

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}  # and their rows
        self._settle()

    def admits(self, source_id: SourceId) -> bool:
        """Whether a channel is one of them or could become one."""
        return self.would_admit(source_id)

    def would_admit(self, source_id: SourceId, without: Iterable[SourceId] = ()) -> bool:
        """The same, were some of them not there."""
        codes = {*self._codes} - {one.subsource for one in without} | {source_id.subsource}
        return any(codes <= set(scheme) for scheme in SCHEMES)

    def claim(self, source_id: SourceId) -> int:
        """The row of a channel, 0 to 2.

        Raises:
            ValueError: it is not admitted.
        """
        code = source_id.subsource
        if code not in self._codes:
            if not self.admits(source_id):
                raise ValueError(f"{source_id} has no place beside {self.codes}")
            self._codes[code] = min({*range(len(COMPONENT_ORDER))} - {*self._codes.values()})
            self._settle()
        return self._codes[code]

    def release(self, source_id: SourceId) -> None:
        """Take a channel's row from it."""
        del self._codes[source_id.subsource]
        self._settle()

    def _settle(self) -> None:
        """Set what is asked for at every record and changes seldom."""
        scheme = next(scheme for scheme in SCHEMES if set(self._codes) <= set(scheme))
        places = list(zip(COMPONENT_ORDER, scheme, strict=True))
        self.codes = "".join(code for code in scheme if code in self._codes)
        self.missing = "".join(name for name, code in places if code not in self._codes)
        self.rows = tuple(self._codes[code] for code in self.codes)
        self.is_vertical_only = set(self._codes) == {"Z"}
        self.needs_orientation = scheme in _NEED_ORIENTATION

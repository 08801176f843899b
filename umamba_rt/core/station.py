"""Which channels make a sensor's Z N E: one sensor, one band and source code."""

from __future__ import annotations

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
    station that sends Z, N, E and also 1 and 2, whichever horizontal comes first decides.
    """

    def __init__(self) -> None:
        self._codes: list[str] = []

    def claim(self, source_id: SourceId) -> int | None:
        """The row of a channel, 0 to 2, or None where it fits none."""
        code = source_id.subsource
        if code not in self._codes:
            if not any({*self._codes, code} <= set(scheme) for scheme in SCHEMES):
                return None
            self._codes.append(code)
        return self._codes.index(code)

    @property
    def _scheme(self) -> str:
        """The first scheme that holds all channels so far."""
        return next(scheme for scheme in SCHEMES if set(self._codes) <= set(scheme))

    @property
    def codes(self) -> str:
        """Subsource codes of the channels, in the places Z N E, as in ``ZNE``, ``Z12`` or ``Z``."""
        return "".join(code for code in self._scheme if code in self._codes)

    @property
    def missing(self) -> str:
        """Names of the places still empty, as in ``NE``."""
        places = zip(COMPONENT_ORDER, self._scheme, strict=True)
        return "".join(name for name, code in places if code not in self._codes)

    @property
    def rows(self) -> tuple[int, ...]:
        """Rows of the places that are filled, in the order Z N E."""
        return tuple(self._codes.index(code) for code in self.codes)

    @property
    def is_vertical_only(self) -> bool:
        """Whether a Z is all that has come."""
        return self._codes == ["Z"]

    @property
    def needs_orientation(self) -> bool:
        """Whether the codes say nothing of where the channels point."""
        return self._scheme in _NEED_ORIENTATION

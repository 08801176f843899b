"""Which channels make a station's Z N E: one sensor, one band and source code."""

from __future__ import annotations

from umamba_rt.core.ids import SourceId

COMPONENT_ORDER = "ZNE"
# 1 and 2 stand in for N and E as they come; rotation needs azimuths that a stream does not carry.
_COMPONENT_OF = {"Z": 0, "N": 1, "1": 1, "E": 2, "2": 2}


def component_index(source_id: SourceId) -> int | None:
    """Place of a channel in Z N E, or None where its subsource code is none of Z N E 1 2."""
    return _COMPONENT_OF.get(source_id.subsource)


class ComponentSet:
    """The channels that fill a station's three places.

    The first channel of a place keeps it: of a station that sends both N and 1, one is surplus.
    """

    def __init__(self) -> None:
        self._codes: list[str | None] = [None] * len(COMPONENT_ORDER)

    def claim(self, source_id: SourceId) -> int | None:
        """The place that a channel fills, or None if it fills none."""
        index = component_index(source_id)
        if index is None:
            return None
        if self._codes[index] is None:
            self._codes[index] = source_id.subsource
        return index if self._codes[index] == source_id.subsource else None

    @property
    def codes(self) -> str:
        """Subsource codes of the places filled, in order, as in ``ZNE``, ``Z12`` or ``Z``."""
        return "".join(code for code in self._codes if code)

    @property
    def missing(self) -> str:
        """Names of the places still empty, as in ``NE``."""
        filled = zip(COMPONENT_ORDER, self._codes, strict=True)
        return "".join(name for name, code in filled if code is None)

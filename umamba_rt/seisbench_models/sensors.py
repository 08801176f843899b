"""Which sensor a trace belongs to: a station may have several at one location."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from obspy import Trace
from seisbench.models.base import GroupingHelper

from umamba_rt.core.calibration import Calibration
from umamba_rt.core.ids import SourceId
from umamba_rt.core.inventory import Inventory
from umamba_rt.core.rotate import Frame, frame_of

_MISSING = "-"


class SensorGrouping(GroupingHelper):  # type: ignore[misc]  # SeisBench has no types
    """Groups traces by network, station, location, band and source code.

    SeisBench's own groups by network, station and location: of a station with a seismometer and an
    accelerometer (HH, HN) it puts the one's samples over the other's.
    """

    def __init__(self) -> None:
        super().__init__("instrument")

    @staticmethod
    def trace_id_without_component(trace: Trace) -> str:
        """``NET.STA.LOC.BS``."""
        return str(trace.id)[:-1]


@dataclass(frozen=True, slots=True)
class Sensor:
    """The three channels that a window is made of.

    Attributes:
        name: ``NET.STA.LOC.BS``, with nothing for an empty location.
        components: their subsource codes in the places Z N E; ``-`` where there is no channel.
    """

    name: str
    components: str

    @classmethod
    def of(cls, traces: Sequence[Trace], places: dict[str, int]) -> Sensor:
        """The sensor of a group's traces.

        Args:
            traces: of one sensor, at least one.
            places: component codes to the rows Z N E.
        """
        codes = [_MISSING] * 3
        for trace in traces:
            code = trace.id[-1]
            if code in places:
                codes[places[code]] = code
        return cls(SensorGrouping.trace_id_without_component(traces[0]), "".join(codes))

    @classmethod
    def parse(cls, text: str) -> Sensor:
        """Read what ``str`` wrote."""
        name, _, components = text.rpartition(".")
        return cls(name, components)

    def __str__(self) -> str:
        """``NET.STA.LOC.BS.ZNE``: SeisBench keeps the first three parts of such a name."""
        return f"{self.name}.{self.components}"

    def frame(self, known: Inventory | Calibration, time_ns: int) -> Frame:
        """Where the channels point and what a count of them is.

        Args:
            known: of an inventory the epochs that ``time_ns`` lies in; a calibration is taken as
                it is, for channels that point to Z N E.
            time_ns: ns since 1970 UTC.
        """
        if isinstance(known, Calibration):
            return Frame("assumed", known)
        *place, band_source = self.name.split(".")
        if len(place) != 3 or len(band_source) != 2:
            return frame_of([None] * 3)
        network, station, location = place
        band, source = band_source[0], band_source[1]
        ids = [SourceId(network, station, location, band, source, code) for code in self.components]
        return frame_of([known.at(source_id, time_ns) for source_id in ids])

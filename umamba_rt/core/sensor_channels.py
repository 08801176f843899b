"""A sensor's channels: who has a place, and when one that fell silent loses it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from umamba_rt.core.channel import Channel, require_rate
from umamba_rt.core.ids import SourceId
from umamba_rt.core.rate import nominal_rate
from umamba_rt.core.segment import Segment
from umamba_rt.core.station import ComponentSet
from umamba_rt.core.timebase import NS_PER_S

# Records of one channel in a row may be a server's order, not another's silence.
_LEAST_RECORDS = 10
# A peer that makes up names must not fill the memory.
_MOST_KEPT_OUT = 8


@dataclass(slots=True)
class _KeptOut:
    """What has come of a channel without a place since another one's last segment."""

    records: int = 0
    length_ns: float = 0.0


class SensorChannels:
    """Finds a segment's channel and its row.

    A channel keeps its place as long as it sends. It is let go of once so much data of a channel
    that would take the place has come since its last: a station whose horizontals are named anew
    goes on, and one damaged name costs it that long. By the data, not by a clock: where all were
    silent, whichever comes first again takes nobody's place.

    Attributes:
        components: which of the places are filled.
        patience_ns: data of another one that a silent channel keeps its place for.
    """

    def __init__(self, reorder_ns: int, patience_ns: int) -> None:
        """Begin without any.

        Args:
            reorder_ns: see ``Channel``.
            patience_ns: see above.
        """
        self.components = ComponentSet()
        self.patience_ns = patience_ns
        self._reorder_ns = reorder_ns
        self._places: dict[SourceId, tuple[int, Channel]] = {}
        self._kept_out: dict[SourceId, dict[SourceId, _KeptOut]] = {}

    def __iter__(self) -> Iterator[tuple[int, Channel]]:
        return iter(self._places.values())

    @property
    def by_row(self) -> dict[int, SourceId]:
        """The channel of each row that has one."""
        return {row: source_id for source_id, (row, _) in self._places.items()}

    @property
    def rates_hz(self) -> dict[int, float]:
        """Native rate of each row that has a channel, Hz."""
        return {row: channel.rate_hz for row, channel in self}

    def of(self, segment: Segment) -> tuple[int, Channel] | None:
        """The row and the channel of a segment; None where it fills none of the three places.

        Raises:
            SampleRateError: a channel that is none yet has a rate that cannot be used.
        """
        known = self._places.get(segment.source_id)
        if known is None:
            return self._let_in(segment)
        if self._kept_out:
            self._kept_out.pop(segment.source_id, None)
        return known

    def _let_in(self, segment: Segment) -> tuple[int, Channel] | None:
        source_id = segment.source_id
        if not self.components.admits(source_id):
            self._let_go_of(self._silent_beside(segment), source_id)
            if not self.components.admits(source_id):
                return None
        require_rate(segment)  # a channel that cannot be used takes no place
        row = self.components.claim(source_id)
        made = row, Channel(source_id, self._reorder_ns)
        self._places[source_id] = made
        return made

    def _silent_beside(self, segment: Segment) -> list[SourceId]:
        """Those that have sent nothing since enough data of this one came; adds the segment's."""
        rate_hz = nominal_rate(segment.rate_hz)
        if rate_hz is None:
            return []  # it could not be used
        length_ns = len(segment.samples) / float(rate_hz) * NS_PER_S
        silent = []
        for holder in self._places:
            others = self._kept_out.setdefault(holder, {})
            if segment.source_id not in others and len(others) == _MOST_KEPT_OUT:
                continue
            kept_out = others.setdefault(segment.source_id, _KeptOut())
            kept_out.records += 1
            kept_out.length_ns += length_ns
            if kept_out.records >= _LEAST_RECORDS and kept_out.length_ns > self.patience_ns:
                silent.append(holder)
        return silent

    def _let_go_of(self, silent: list[SourceId], wanting: SourceId) -> None:
        """Free their places, if that helps."""
        if self.components.would_admit(wanting, without=silent):
            for holder in silent:
                del self._places[holder], self._kept_out[holder]
                self.components.release(holder)

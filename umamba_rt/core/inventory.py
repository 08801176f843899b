"""What a network says of its channels: orientation, sensitivity and place, by time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from umamba_rt.core.calibration import COUNTS, Calibration, Unit
from umamba_rt.core.ids import SourceId


@dataclass(frozen=True, slots=True)
class ChannelEpoch:
    """One channel over one span of time in which nothing about it changed.

    Attributes:
        source_id: the channel.
        start_ns: first moment of the epoch, ns since 1970 UTC; None: since ever.
        end_ns: first moment after the epoch, ns since 1970 UTC; None: it goes on.
        azimuth_deg: direction of positive values, degrees from north to the east; None: not known.
        dip_deg: the same, degrees down from the horizontal (-90: up); None: not known.
        unit: of the ground motion that ``counts_per_unit`` refers to; ``counts``: not known.
        counts_per_unit: overall sensitivity; > 0, and 1 where the unit is ``counts``.
        latitude_deg: of the sensor, WGS 84.
        longitude_deg: of the sensor, WGS 84.
        elevation_m: of the ground above the sensor, m; the sensor's depth is not taken off.

    Source: FDSN StationXML 1.2, Channel.
    """

    source_id: SourceId
    start_ns: int | None
    end_ns: int | None
    azimuth_deg: float | None
    dip_deg: float | None
    unit: Unit
    counts_per_unit: float
    latitude_deg: float
    longitude_deg: float
    elevation_m: float

    def covers(self, time_ns: int) -> bool:
        """Whether a moment lies in the epoch."""
        return (self.start_ns is None or self.start_ns <= time_ns) and (
            self.end_ns is None or time_ns < self.end_ns
        )


@dataclass(frozen=True, slots=True)
class Inventory:
    """Channel epochs, looked up by channel and time.

    Attributes:
        epochs: in any order. Of two that cover the same moment the one that began later rules.
        notes: what was found wanting while reading, one line each.
    """

    epochs: tuple[ChannelEpoch, ...] = ()
    notes: tuple[str, ...] = ()
    _of: dict[SourceId, list[ChannelEpoch]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        for epoch in sorted(self.epochs, key=_begin_ns):
            self._of.setdefault(epoch.source_id, []).append(epoch)

    def at(self, source_id: SourceId, time_ns: int) -> ChannelEpoch | None:
        """The epoch that a channel is in at a time, or None where none is known."""
        for epoch in reversed(self._of.get(source_id, ())):
            if epoch.covers(time_ns):
                return epoch
        return None


def _begin_ns(epoch: ChannelEpoch) -> float:
    return -math.inf if epoch.start_ns is None else epoch.start_ns


EMPTY = Inventory()


def calibration_of(epochs: Sequence[ChannelEpoch | None]) -> Calibration:
    """The calibration of three components.

    Args:
        epochs: of the channels that fill Z, N, E; None where none is known.

    Returns:
        ``COUNTS`` where a sensitivity is not known, or the three are of different units.
    """
    known = [epoch for epoch in epochs if epoch is not None]
    units = {epoch.unit for epoch in known}
    if len(known) != 3 or len(units) != 1 or units == {"counts"}:
        return COUNTS
    z, n, e = (epoch.counts_per_unit for epoch in known)
    return Calibration(known[0].unit, (z, n, e))

"""The frame of a sensor's channels, which changes with what the inventory says of them."""

from __future__ import annotations

from collections.abc import Sequence

from umamba_rt.core.ids import SourceId
from umamba_rt.core.inventory import ChannelEpoch, Inventory
from umamba_rt.core.rotate import Frame, frame_of, repeat_vertical


class SensorFrame:
    """Keeps the latest frame: it is made anew only where an epoch ends."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._epochs: list[ChannelEpoch | None] = []
        self._frame: Frame | None = None  # of these epochs

    def at(self, channels: Sequence[SourceId], time_ns: int) -> Frame:
        """The frame of three channels in the places Z, N, E, or of a vertical alone."""
        epochs = [self._inventory.at(source_id, time_ns) for source_id in channels]
        if self._frame is None or epochs != self._epochs:
            self._epochs = epochs
            self._frame = frame_of(epochs) if len(epochs) > 1 else repeat_vertical(epochs[0])
        return self._frame

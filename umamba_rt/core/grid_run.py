"""Samples with their place on the 100 Hz grid: what a channel hands to the ring."""

from __future__ import annotations

from dataclasses import dataclass

from umamba_rt.core.estimate import Float32Array


@dataclass(frozen=True, slots=True)
class GridRun:
    """Consecutive samples of one channel on the grid.

    Attributes:
        first: grid index of the first sample.
        values: shape ``(n,)``, n >= 1, the record's unit; NaN where a float record had no number.
    """

    first: int
    values: Float32Array

    @property
    def stop(self) -> int:
        """Grid index after the last sample."""
        return self.first + len(self.values)

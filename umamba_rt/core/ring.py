"""A station's latest samples: three components on one grid, gaps known to the sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.channel import GridRun
from umamba_rt.core.estimate import Float32Array

N_COMPONENTS = 3


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a run's samples.

    Attributes:
        written: samples that were missing and are there now.
        span: grid index of the first one written and the index after the last; None if none was.
        duplicate: samples that were there already, with the same value.
        conflicting: samples that were there already with another value; the first one stays.
        too_old: samples from before the ring's oldest index.
    """

    written: int
    span: tuple[int, int] | None
    duplicate: int
    conflicting: int
    too_old: int


class Ring:
    """A window onto the grid that moves forward only; a missing sample is NaN.

    Memory is fixed: 3 x capacity x 4 bytes. The first sample of a time wins.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._samples: Float32Array = np.full((N_COMPONENTS, capacity), np.nan, dtype=np.float32)
        self._stop: int | None = None
        self._stops: list[int | None] = [None] * N_COMPONENTS

    @property
    def is_empty(self) -> bool:
        """True until the first run."""
        return self._stop is None

    @property
    def stop(self) -> int:
        """Grid index after the newest sample of any component.

        Raises:
            ValueError: the ring is empty.
        """
        if self._stop is None:
            raise ValueError("the ring is empty")
        return self._stop

    @property
    def start(self) -> int:
        """Oldest grid index that the ring can hold now."""
        return self.stop - self.capacity

    def component_stop(self, component: int) -> int | None:
        """Grid index after a component's newest sample, or None if it never had one."""
        return self._stops[component]

    def put(self, component: int, run: GridRun) -> Placed:
        """Write a run; the ring moves forward if the run ends past its newest index.

        Args:
            component: 0, 1, 2 for Z, N, E.
            run: samples on the grid. Of one longer than the ring only the end can be kept.
        """
        self._move_to(run.stop)
        stop = self._stops[component]
        self._stops[component] = run.stop if stop is None else max(stop, run.stop)
        too_old = min(max(0, self.start - run.first), len(run.values))
        values = run.values[too_old:]
        places = np.arange(run.first + too_old, run.stop) % self.capacity
        row = self._samples[component]
        present = row[places]
        missing = np.isnan(present)
        row[places[missing]] = values[missing]
        is_number = ~np.isnan(values)
        written = np.flatnonzero(missing & is_number)
        known = ~missing & is_number
        duplicate = int(np.count_nonzero(known & (present == values)))
        return Placed(
            written=len(written),
            span=_span(run.first + too_old, written),
            duplicate=duplicate,
            conflicting=int(np.count_nonzero(known)) - duplicate,
            too_old=too_old,
        )

    def read(self, first: int, count: int) -> Float32Array:
        """A copy of ``count`` samples of each component from grid index ``first`` on.

        Returns:
            Shape ``(3, count)``, order Z N E; NaN where a sample is missing, not yet there, or
            no longer kept.
        """
        out = np.full((N_COMPONENTS, count), np.nan, dtype=np.float32)
        if self._stop is None:
            return out
        begin, end = max(first, self.start), min(first + count, self._stop)
        if begin < end:
            places = np.arange(begin, end) % self.capacity
            out[:, begin - first : end - first] = self._samples[:, places]
        return out

    def _move_to(self, stop: int) -> None:
        if self._stop is None:
            self._stop = stop
            return
        ahead = stop - self._stop
        if ahead <= 0:
            return
        if ahead >= self.capacity:
            self._samples.fill(np.nan)
        else:
            self._samples[:, np.arange(self._stop, stop) % self.capacity] = np.nan
        self._stop = stop


def _span(first: int, offsets: NDArray[np.intp]) -> tuple[int, int] | None:
    if len(offsets) == 0:
        return None
    return first + int(offsets[0]), first + int(offsets[-1]) + 1

"""A station's latest samples: three components on one grid, gaps known to the sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.grid_run import GridRun

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

    Memory is fixed: 3 x 1.25 x capacity x 4 bytes, 90 kB at 60 s. The first sample of a time wins.
    Samples lie in a row longer than the capacity by a quarter and are moved to its front when it
    is full, once in 15 s of data, so that every span is one slice and none wraps.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._columns = capacity + max(1, capacity // 4)
        # Column 0 stands for grid index ``_base``; columns from the newest sample on are NaN.
        # None are held before the first run: a sensor whose channels are refused costs nothing.
        self._samples: Float32Array = np.empty((N_COMPONENTS, 0), np.float32)
        self._base = 0
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

    def put(self, component: int, run: GridRun) -> Placed:
        """Write a run; the ring moves forward if the run ends past its newest index.

        Args:
            component: 0, 1, 2 for Z, N, E.
            run: samples on the grid. Of one longer than the ring only the end can be kept.
        """
        end, count = run.stop, len(run.values)
        oldest = self._move_to(end) - self.capacity
        stop = self._stops[component]
        self._stops[component] = end if stop is None else max(stop, end)
        too_old = min(max(0, oldest - run.first), count)
        first, values = run.first + too_old, run.values[too_old:]
        row = self._samples[component, first - self._base : end - self._base]
        if (stop is None or first >= stop) and too_old < count and _is_whole(values):
            row[:] = values  # nearly always: nothing is there yet, and nothing is missing
            return Placed(count - too_old, (first, end), 0, 0, too_old)
        missing, is_number = np.isnan(row), ~np.isnan(values)
        known = is_number & ~missing
        duplicate = int(np.count_nonzero(known & (row == values)))
        new = is_number & missing
        row[new] = values[new]
        written = np.flatnonzero(new)
        return Placed(
            written=len(written),
            span=_span(first, written),
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
            kept = self._samples[:, begin - self._base : end - self._base]
            out[:, begin - first : end - first] = kept
        return out

    def missing_stop(
        self, first: int, count: int, components: Sequence[int] = range(N_COMPONENTS)
    ) -> int:
        """Grid index after the last sample of a span that any of some components misses.

        Returns:
            ``first`` where none is missing.
        """
        newest = (self._stops[component] for component in components)
        if any(stop is None or stop < first + count for stop in newest):
            return first + count
        begin = min(max(first, self.start), first + count)
        span = slice(begin - self._base, first + count - self._base)
        lacking = [_missing_stop(self._samples[component, span]) for component in components]
        return begin + max(lacking)

    def _move_to(self, stop: int) -> int:
        if self._stop is not None and stop <= self._stop:
            return self._stop
        if self._stop is None:
            self._samples = np.full((N_COMPONENTS, self._columns), np.nan, np.float32)
            self._base = stop - self.capacity
        elif stop - self._base > self._columns:
            oldest = stop - self.capacity  # after a jump past the whole ring nothing is kept
            kept = self._samples[:, oldest - self._base : self._stop - self._base].copy()
            self._samples.fill(np.nan)
            self._samples[:, : kept.shape[1]] = kept
            self._base = oldest
        self._stop = stop
        return stop


def _is_whole(values: Float32Array) -> bool:
    """Whether none is NaN: the largest would be, and finding it takes half of looking at each."""
    return not np.isnan(np.maximum.reduce(values))


def _missing_stop(row: Float32Array) -> int:
    """Column after the last missing one; 0 where none is."""
    missing = np.isnan(row)
    return len(row) - int(np.argmax(missing[::-1])) if missing.any() else 0


def _span(first: int, offsets: NDArray[np.intp]) -> tuple[int, int] | None:
    if len(offsets) == 0:
        return None
    return first + int(offsets[0]), first + int(offsets[-1]) + 1

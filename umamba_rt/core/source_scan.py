"""Earthquakes that no single station's trigger tells from what came before: a stack over all."""

from __future__ import annotations

import math
from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.association import Place, Source
from umamba_rt.core.forming import PlaceOf
from umamba_rt.core.ids import GroupId
from umamba_rt.core.rise import BIN, BINS_PER_S, Rises
from umamba_rt.core.scan_grid import ScanGrid, scan_grid
from umamba_rt.core.timebase import index_ns

# A rise counts for a source that predicts it to 0.3 s.
_SMEAR_P, _SMEAR = 3, 5
_HELD = 120 * BINS_PER_S
_WORKING = 60 * BINS_PER_S
# Of one station, P and S together, and P alone: mean and standard deviation over 13 stations and
# 34 minutes of aftershocks (Ridgecrest, 17:34 to 18:08). With each station's time moved, so that
# nothing agrees, 80 minutes hold three peaks above 5.5 and none above 6.
_MEAN, _SIGMA = 0.45, 0.41
_MEAN_P, _SIGMA_P = 0.19, 0.26


@dataclass(frozen=True, slots=True)
class ScanRules:
    """When a stack is an earthquake.

    Attributes:
        min_stations: see ``scan_grid``.
        score: of a peak, standard deviations over what chance gives.
        score_p: of its P alone.
        apart_s: of two peaks closer than this the higher one counts.
        ghost_s: an earthquake's P, taken for S, makes a source some seconds before: a peak that
            one within so long behind it exceeds by ``ghost_ratio`` is none.
        ghost_ratio: see there.
        ghost_km: how far it may be.
    """

    min_stations: int = 6
    score: float = 6.25
    score_p: float = 2.0
    apart_s: float = 2.0
    ghost_s: float = 8.0
    ghost_ratio: float = 1.25
    ghost_km: float = 150.0


@dataclass(frozen=True, slots=True)
class Onset:
    """What a station shows of an earthquake's P.

    Attributes:
        group: the sensor.
        onset_ns: where its power rises most, within 0.3 s of the predicted P, ns since 1970 UTC.
        rise: logarithm (to 10) of that rise, 0 to 1.
    """

    group: GroupId
    onset_ns: int
    rise: float


@dataclass(frozen=True, slots=True)
class Hidden:
    """An earthquake that the stack shows.

    Attributes:
        source: the node and the origin time.
        onsets: of its stations, nearest first.
        score: of the peak.
    """

    source: Source
    onsets: tuple[Onset, ...]
    score: float


@dataclass(frozen=True, slots=True)
class _Best:
    """Of all nodes the best one at a moment."""

    moment: int
    node: int
    score: float
    level: float  # mean over the stations
    grid: ScanGrid


class SourceScan:
    """Stacks the stations' rises along the travel times of P and S from a grid of sources.

    An earthquake in the coda of a larger one need not reach any station's threshold, but all
    stations rise at the times that one source gives. Peaks of the stack over nodes and time that
    chance does not explain are earthquakes, known or not.

    Source: Kao and Shan (2004), Geophys. J. Int. 157, 589-594 (source scanning); Grigoli et al.
    (2014), Geophys. J. Int. 196, 1742-1753 (STA/LTA of P and S stacked along travel times).
    """

    def __init__(self, rules: ScanRules, place_of: PlaceOf) -> None:
        self._rules = rules
        self._place_of = place_of
        self._rows: dict[GroupId, int] = {}
        self._groups: list[GroupId] = []  # in order, whichever told first
        self._latest: dict[GroupId, int] = {}
        # Row 0 is the station that is silent.
        self._held = np.zeros((2, 1, _HELD), np.float32)
        self._end = 0
        self._next = 0
        self._decided = 0
        self._sensors: tuple[GroupId, ...] = ()
        self._grid = scan_grid({}, 1)
        self._best: deque[_Best] = deque()

    def take(self, rises: Iterable[tuple[GroupId, Rises]]) -> Iterator[Hidden]:
        """Take what the sensors told for a moment of windows, all of them at once.

        Yields:
            Earthquakes that it decides on, in the order of their origins.
        """
        told = [(group, one) for group, one in rises if one.first + len(one.p) > self._end - _HELD]
        if not told:
            return
        before = self._end
        self._make_room(max(one.first + len(one.p) for _, one in told))
        self._put(told)
        if self._end == before:
            return  # stations that lag, one by one: no further moment can be stacked
        self._choose()
        self._stack()
        yield from self._decide()

    def _make_room(self, end: int) -> None:
        if end <= self._end:
            return
        fresh = np.arange(max(self._end, end - _HELD), end) % _HELD
        self._held[:, :, fresh] = 0.0
        self._end = end

    def _put(self, told: list[tuple[GroupId, Rises]]) -> None:
        """Write them down, those of the same moments at once: 300 sensors take 1 ms, not 2."""
        alike: dict[tuple[int, int], list[tuple[int, Rises]]] = {}
        for group, one in told:
            count = len(one.p)
            alike.setdefault((one.first, count), []).append((self._row(group), one))
            self._latest[group] = max(one.first + count, self._latest.get(group, 0))
        for (first, count), some in alike.items():
            at = np.arange(first, first + count) % _HELD
            rows = np.array([row for row, _ in some])[:, None]
            self._held[0, rows, at] = [one.p for _, one in some]
            self._held[1, rows, at] = [one.s for _, one in some]

    def _row(self, group: GroupId) -> int:
        row = self._rows.get(group)
        if row is None:
            row = self._rows[group] = len(self._rows) + 1
            insort(self._groups, group)
            more = np.zeros((2, 1, _HELD), np.float32)
            self._held = np.concatenate([self._held, more], axis=1)
        return row

    def _choose(self) -> None:
        """Of each station that works one sensor; a new grid where they are others than before."""
        places: dict[str, Place] = {}
        sensors: dict[str, GroupId] = {}
        for group in self._groups:
            if self._end - self._latest[group] > _WORKING or group.station_id in sensors:
                continue
            place = self._place_of(group, index_ns(self._end * BIN))
            if place is not None:
                sensors[group.station_id], places[group.station_id] = group, place
        chosen = tuple(sensors[name] for name in sorted(sensors))
        if chosen != self._sensors:
            self._sensors = chosen
            self._grid = scan_grid(places, self._rules.min_stations)

    def _stack(self) -> None:
        """The best node of each moment for whose source all times have come."""
        grid = self._grid
        until = self._end - grid.longest - _SMEAR
        begin = max(self._next, until - _HELD // 2)
        if len(grid.count) == 0 or begin >= until:
            return
        self._next = until
        count = until - begin
        smeared = self._smeared(begin, until + grid.longest)
        rows = np.array([*(self._rows[group] for group in self._sensors), 0])[grid.station]
        p = _stacked(smeared[0], rows, grid.p, count)
        s = _stacked(smeared[1], rows, grid.s, count)
        stations = grid.count[:, None].astype(np.float32)
        root = np.sqrt(stations)
        scores = (p + s - _MEAN * stations) / (_SIGMA * root)
        scores[(p - _MEAN_P * stations) / (_SIGMA_P * root) < self._rules.score_p] = -math.inf
        nodes = np.argmax(scores, axis=0)
        for index, node in enumerate(nodes.tolist()):
            level = float((p[node, index] + s[node, index]) / grid.count[node])
            score = float(scores[node, index])
            self._best.append(_Best(begin + index, node, score, level, grid))

    def _smeared(self, begin: int, end: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The largest rise within 0.3 s of each moment, shape ``(2, rows, end - begin)``."""
        held = self._held[:, :, np.arange(begin - _SMEAR, end + _SMEAR) % _HELD]
        views = np.lib.stride_tricks.sliding_window_view(held, 2 * _SMEAR + 1, axis=2)
        near = views[0, :, :, _SMEAR - _SMEAR_P : _SMEAR + _SMEAR_P + 1].max(axis=2)
        return near, views[1].max(axis=2)

    def _decide(self) -> Iterator[Hidden]:
        """Take the peaks that no later moment can outdo any more."""
        apart = round(self._rules.apart_s * BINS_PER_S)
        wait = max(apart, round(self._rules.ghost_s * BINS_PER_S))
        until = self._next - wait
        for one in self._best:
            if self._decided <= one.moment < until and self._is_peak(one, apart, wait):
                yield self._hidden(one)
        self._decided = max(self._decided, until)
        while self._best and self._best[0].moment < self._decided - apart:
            self._best.popleft()

    def _is_peak(self, one: _Best, apart: int, wait: int) -> bool:
        rules = self._rules
        if one.score < rules.score:
            return False
        for other in self._best:
            later = other.moment - one.moment
            if -apart <= later < 0 and other.score >= one.score:
                return False
            if 0 < later <= apart and other.score > one.score:
                return False
            if (
                apart < later <= wait
                and other.score >= rules.score
                and other.level >= rules.ghost_ratio * one.level
                and _apart_km(one, other) <= rules.ghost_km
            ):
                return False
        return True

    def _hidden(self, one: _Best) -> Hidden:
        grid, sensors = one.grid, {group.station_id: group for group in self._sensors}
        onsets = []
        for station, delay in zip(grid.station[one.node], grid.p[one.node], strict=True):
            group = sensors.get(grid.names[station]) if station < len(grid.names) else None
            if group is None:
                continue
            first = one.moment + int(delay) - _SMEAR
            around = np.arange(first, first + 2 * _SMEAR + 1)
            rises = self._held[0, self._rows[group], around % _HELD]
            at = int(np.argmax(rises))
            onsets.append(Onset(group, index_ns((first + at) * BIN), float(rises[at])))
        source = Source(grid.place(one.node), index_ns(one.moment * BIN))
        return Hidden(source, tuple(onsets), one.score)


def _stacked(
    rises: NDArray[np.float32], rows: NDArray[np.intp], delays: NDArray[np.intp], count: int
) -> NDArray[np.float32]:
    """Sums over a node's stations, shape ``(nodes, count)``."""
    flat, length = rises.ravel(), rises.shape[1]
    starts, moments = rows * length + delays, np.arange(count)
    total = np.zeros((len(rows), count), np.float32)
    for station in range(rows.shape[1]):
        total += flat[starts[:, station, None] + moments]
    return total


def _apart_km(one: _Best, other: _Best) -> float:
    return Source(one.grid.place(one.node), 0).distance_km(other.grid.place(other.node))

"""Which onsets at several stations are one earthquake's P wave: where and when it began."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.core.travel_table import one_travel_p_s, travel_p_s, travels_p_s

Float64Array: TypeAlias = NDArray[np.float64]

KM_PER_DEG = 111.19
S_OVER_P = math.sqrt(3.0)
# 10 km at a reach of 150 km: at 6 km/s a source is at most 1.2 s off the nearest node.
_NODES_A_REACH = 15
_FINER = 5
_AT_ONCE = 8192
_KM_S = 6.0  # of P in the upper crust, where stations are near
_SLOWEST_KM_S = 5.8  # of P in any layer


@dataclass(frozen=True, slots=True)
class Place:
    """Of a station, WGS 84."""

    latitude_deg: float
    longitude_deg: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """An onset at a station.

    Attributes:
        station: its name; of several sensors in one place the same.
        onset_ns: ns since 1970 UTC.
        place: None where it is not known.
    """

    station: str
    onset_ns: int
    place: Place | None


@dataclass(frozen=True, slots=True)
class Source:
    """Where an earthquake is, as far as its P times tell: to about 10 km inside the network.

    Attributes:
        place: of the epicentre; the depth is taken for 8 km.
        origin_ns: ns since 1970 UTC.
    """

    place: Place
    origin_ns: int

    def p_ns(self, place: Place) -> int:
        """When P should arrive at a place, ns since 1970 UTC."""
        return self.origin_ns + round(one_travel_p_s(self.distance_km(place)) * NS_PER_S)

    def s_ns(self, place: Place) -> int:
        """When S should: P's travel time times the square root of three."""
        return self.origin_ns + round(S_OVER_P * one_travel_p_s(self.distance_km(place)) * NS_PER_S)

    def distance_km(self, place: Place) -> float:
        """Epicentral, on a plane that touches the earth at the source."""
        # Without arrays, as for the times: a swarm asks for thousands a second.
        east_deg = (place.longitude_deg - self.place.longitude_deg + 180.0) % 360.0 - 180.0
        shrink = math.cos(math.radians(self.place.latitude_deg))
        north_deg = place.latitude_deg - self.place.latitude_deg
        return float(np.hypot(east_deg * KM_PER_DEG * shrink, north_deg * KM_PER_DEG))

    def distances_km(self, places: Sequence[Place]) -> Float64Array:
        """The same of many places, shape ``(n,)``."""
        return np.asarray(np.hypot(*_plane(self.place, places).T))


def find_source(
    arrivals: Sequence[Arrival],
    newest: Arrival,
    *,
    min_stations: int,
    tolerance_s: float,
    reach_km: float,
) -> tuple[Source, list[Arrival]] | None:
    """The source whose P explains the newest arrival and those of the most other stations.

    Sources are sought on a grid around the newest arrival's station, then on a finer one around
    the best node. An arrival is explained where the origin times that it and the newest one stand
    for lie within the tolerance.

    Args:
        arrivals: with places; the newest one among them. Several of one station may be there.
        newest: the one that must be explained.
        min_stations: fewer are no earthquake.
        tolerance_s: of origin times.
        reach_km: how far from the newest arrival's station a source may be.

    Returns:
        None where too few are explained; else the source, and of each station the arrival that
        fits best, in the order of their onsets.
    """
    if len({arrival.station for arrival in arrivals}) < min_stations:
        return None
    assert newest.place is not None
    nodes, step_km = _disk(), reach_km / _NODES_A_REACH
    near = _within_reach(arrivals, newest, tolerance_s + step_km / 2 / _KM_S)
    if len(near.begins) < min_stations:
        return None
    reference = near.arrivals.index(newest)
    centre = np.zeros(2)
    for scale in (step_km, step_km / _FINER):
        around = centre + nodes * scale
        # The nearest node of the coarse grid is half a step off; the finer one decides.
        allowed_s = tolerance_s + (scale / 2 / _KM_S if scale == step_km else 0.0)
        best = _best(around, near, reference, allowed_s)
        centre = around[best.node]
    if best.count < min_stations:
        return None
    origins_s = near.onsets_s - travel_p_s(np.hypot(*(near.sites_km - centre).T))
    off_s = np.abs(origins_s - origins_s[reference]).tolist()
    ends = [*near.begins[1:], len(near.arrivals)]
    members = [
        min(range(near.begins[number], ends[number]), key=off_s.__getitem__)
        for number in np.flatnonzero(best.explained).tolist()
    ]
    origin_ns = newest.onset_ns + round(float(np.median(origins_s[members])) * NS_PER_S)
    chosen = sorted((near.arrivals[index] for index in members), key=_by_onset)
    return Source(_on_earth(newest.place, centre), origin_ns), chosen


def relocate(source: Source, arrivals: Sequence[Arrival], reach_km: float) -> Source:
    """The source anew with all its arrivals: the least sum of deviations near the old place.

    Args:
        source: as it was.
        arrivals: one of each station, with places; the order does not matter.
        reach_km: see ``find_source``.
    """
    known = [(a.place, a.onset_ns) for a in arrivals if a.place is not None]
    sites = _plane(source.place, [place for place, _ in known])
    onsets_s = _seconds([onset_ns for _, onset_ns in known], source.origin_ns)
    step_km = reach_km / _NODES_A_REACH / _FINER
    nodes = _disk() * step_km
    medians_s, sums_s = np.empty(len(nodes)), np.empty(len(nodes))
    for part in _parts(len(nodes), len(known)):
        origins_s = onsets_s - travels_p_s(nodes[part], sites)
        # Not np.median: to sort the rows is six times as fast as to part them.
        ordered = np.sort(origins_s, axis=1)
        middle = (ordered[:, (len(known) - 1) // 2] + ordered[:, len(known) // 2]) / 2
        sums_s[part] = np.abs(origins_s - middle[:, None]).sum(axis=1)
        medians_s[part] = middle
    best = int(np.argmin(sums_s))
    origin_ns = source.origin_ns + round(float(medians_s[best]) * NS_PER_S)
    return Source(_on_earth(source.place, nodes[best]), origin_ns)


@dataclass(frozen=True, slots=True)
class _Best:
    """Of most stations the node with the least sum of misfits, the first of them.

    Attributes:
        node: its number.
        count: of the stations that it explains.
        sum_s: of their misfits.
        explained: by station, shape ``(stations,)``.
    """

    node: int
    count: int
    sum_s: float
    explained: NDArray[np.bool_]


def _best(nodes: Float64Array, near: _Near, reference: int, allowed_s: float) -> _Best:
    best: _Best | None = None
    for part in _parts(len(nodes), len(near.arrivals)):
        misfits = _misfits(nodes[part], near, reference)
        explained = misfits <= allowed_s
        counts = explained.sum(axis=0)
        count = int(counts.max())
        if best is not None and count < best.count:
            continue
        of_most = np.flatnonzero(counts == count)
        columns = np.ascontiguousarray(np.where(explained, misfits, 0.0)[:, of_most].T)
        sums_s = columns.sum(axis=1)
        at = int(np.argmin(sums_s))
        if best is None or count > best.count or sums_s[at] < best.sum_s:
            node = int(of_most[at])
            best = _Best(part.start + node, count, float(sums_s[at]), explained[:, node])
    assert best is not None
    return best


def _misfits(nodes: Float64Array, near: _Near, reference: int) -> Float64Array:
    """Shape ``(stations, nodes)``: how far each station's best origin time is off, s."""
    origins_s = near.onsets_s[:, None] - travels_p_s(near.sites_km, nodes)
    off_s = np.abs(origins_s - origins_s[reference])
    misfits: Float64Array = off_s[near.ranks == 0]
    # By rows: np.minimum.reduceat takes five times as long for so short stretches.
    for rank in range(1, int(near.ranks.max()) + 1):
        rows = near.ranks == rank
        owner = near.owner[rows]
        misfits[owner] = np.minimum(misfits[owner], off_s[rows])
    return misfits


def _parts(nodes: int, sites: int) -> Iterator[slice]:
    """Of the nodes: so that arrays hold 64 kB, or memory takes two thirds of the time."""
    step = max(1, _AT_ONCE // sites)
    return (slice(begin, begin + step) for begin in range(0, nodes, step))


@dataclass(frozen=True, slots=True)
class _Near:
    """Arrivals by station, and by their first order within it; shapes ``(n,)``, ``(n, 2)``.

    Attributes:
        arrivals: n of them.
        sites_km: east and north of the newest one's station.
        onsets_s: since the newest one.
        begins: of each station the first arrival.
        owner: the station's number.
        ranks: among its station's.
    """

    arrivals: list[Arrival]
    sites_km: Float64Array
    onsets_s: Float64Array
    begins: list[int]
    owner: NDArray[np.intp]
    ranks: NDArray[np.intp]


def _within_reach(arrivals: Sequence[Arrival], newest: Arrival, allowed_s: float) -> _Near:
    """Those that a source can explain together with the newest one, wherever it is.

    Between two stations P takes no longer than along the ground: with 300 stations in a swarm
    most onsets of a minute are too far apart in time for that, and the grid need not see them.
    """
    assert newest.place is not None
    sites = _plane(newest.place, [a.place for a in arrivals if a.place is not None])
    limits_s = np.hypot(*sites.T) / _SLOWEST_KM_S + allowed_s
    onsets_s = _seconds([arrival.onset_ns for arrival in arrivals], newest.onset_ns)
    indices = np.flatnonzero(np.abs(onsets_s) <= limits_s + 1e-6).tolist()
    indices.sort(key=lambda index: arrivals[index].station)
    near = [arrivals[index] for index in indices]
    begins = [k for k, one in enumerate(near) if k == 0 or one.station != near[k - 1].station]
    lengths = np.diff([*begins, len(near)])
    owner = np.repeat(np.arange(len(begins)), lengths)
    ranks = np.arange(len(near)) - np.repeat(begins, lengths)
    return _Near(near, sites[indices], onsets_s[indices], begins, owner, ranks)


def _by_onset(arrival: Arrival) -> tuple[int, str]:
    return arrival.onset_ns, arrival.station


def _seconds(times_ns: Sequence[int], since_ns: int) -> Float64Array:
    seconds: Float64Array = (np.array(times_ns, np.int64) - since_ns) / NS_PER_S
    return seconds


def _plane(centre: Place, places: Sequence[Place]) -> Float64Array:
    """Shape ``(n, 2)``: km to the east and north of a centre."""
    degrees = np.array([(place.longitude_deg, place.latitude_deg) for place in places])
    degrees -= centre.longitude_deg, centre.latitude_deg
    east_deg, north_deg = degrees.T
    east_deg = (east_deg + 180.0) % 360.0 - 180.0
    shrink = math.cos(math.radians(centre.latitude_deg))
    plane: Float64Array = np.stack([east_deg * KM_PER_DEG * shrink, north_deg * KM_PER_DEG], axis=1)
    return plane


def _on_earth(centre: Place, offset_km: Float64Array) -> Place:
    shrink = max(math.cos(math.radians(centre.latitude_deg)), 0.01)
    east_deg = float(offset_km[0]) / KM_PER_DEG / shrink
    longitude = (centre.longitude_deg + east_deg + 180.0) % 360.0 - 180.0
    return Place(centre.latitude_deg + float(offset_km[1]) / KM_PER_DEG, longitude)


@lru_cache
def _disk() -> Float64Array:
    """Nodes within a radius of 15 steps, as multiples of the step; the centre first."""
    steps = range(-_NODES_A_REACH, _NODES_A_REACH + 1)
    inside = [(x, y) for x in steps for y in steps if x * x + y * y <= _NODES_A_REACH**2]
    return np.array(sorted(inside, key=lambda node: (math.hypot(*node), node)), np.float64)

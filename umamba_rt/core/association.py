"""Which onsets at several stations are one earthquake's P wave: where and when it began."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.core.travel_time import first_p_s

Float64Array: TypeAlias = NDArray[np.float64]

DEPTH_KM = 8.0
KM_PER_DEG = 111.19
S_OVER_P = math.sqrt(3.0)
# 10 km at a reach of 150 km: at 6 km/s a source is at most 1.2 s off the nearest node.
_NODES_A_REACH = 15
_FINER = 5
_TABLE_KM = 1000
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
        return self.origin_ns + round(float(travel_p_s(self.distance_km(place))) * NS_PER_S)

    def s_ns(self, place: Place) -> int:
        """When S should: P's travel time times the square root of three."""
        return self.origin_ns + round(
            S_OVER_P * float(travel_p_s(self.distance_km(place))) * NS_PER_S
        )

    def distance_km(self, place: Place) -> float:
        """Epicentral, on a plane that touches the earth at the source."""
        return float(np.hypot(*_plane(self.place, [place])[0]))


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
    assert newest.place is not None
    nodes, step_km = _disk(), reach_km / _NODES_A_REACH
    arrivals = _within_reach(arrivals, newest, tolerance_s + step_km / 2 / _KM_S)
    places = [arrival.place for arrival in arrivals if arrival.place is not None]
    onsets_s = _seconds([arrival.onset_ns for arrival in arrivals], newest.onset_ns)
    stations = sorted({arrival.station for arrival in arrivals})
    if len(stations) < min_stations:
        return None
    sites = _plane(newest.place, places)
    numbers = {station: number for number, station in enumerate(stations)}
    owner = np.array([numbers[arrival.station] for arrival in arrivals])
    reference = list(arrivals).index(newest)
    centre = np.zeros(2)
    for scale in (step_km, step_km / _FINER):
        around = centre + nodes * scale
        misfits = _misfits(around, sites, onsets_s, reference, owner)
        # The nearest node of the coarse grid is half a step off; the finer one decides.
        allowed_s = tolerance_s + (scale / 2 / _KM_S if scale == step_km else 0.0)
        explained = misfits <= allowed_s
        counts = explained.sum(axis=1)
        sums = np.where(explained, misfits, 0.0).sum(axis=1)
        best = int(np.lexsort((sums, -counts))[0])
        centre = around[best]
    if counts[best] < min_stations:
        return None
    origins_s = onsets_s - travel_p_s(np.hypot(*(sites - centre).T))
    off_s = np.abs(origins_s - origins_s[reference])
    members = [
        min(np.flatnonzero(owner == station), key=lambda index: (off_s[index], index))
        for station in np.flatnonzero(explained[best])
    ]
    origin_ns = newest.onset_ns + round(float(np.median(origins_s[members])) * NS_PER_S)
    chosen = sorted((arrivals[int(index)] for index in members), key=_by_onset)
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
    origins_s = onsets_s - travel_p_s(np.hypot(*(sites[None] - nodes[:, None]).T).T)
    medians_s = np.median(origins_s, axis=1)
    sums = np.abs(origins_s - medians_s[:, None]).sum(axis=1)
    best = int(np.argmin(sums))
    origin_ns = source.origin_ns + round(float(medians_s[best]) * NS_PER_S)
    return Source(_on_earth(source.place, nodes[best]), origin_ns)


def _misfits(
    nodes: Float64Array,
    sites: Float64Array,
    onsets_s: Float64Array,
    reference: int,
    owner: NDArray[np.intp],
) -> Float64Array:
    """Shape ``(nodes, stations)``: how far each station's best origin time is off, s."""
    offsets = sites[None] - nodes[:, None]
    origins_s = onsets_s - travel_p_s(np.hypot(offsets[..., 0], offsets[..., 1]))
    off_s = np.abs(origins_s - origins_s[:, reference : reference + 1])
    order = np.argsort(owner, kind="stable")
    begins = np.flatnonzero(np.diff(owner[order], prepend=-1))
    misfits: Float64Array = np.minimum.reduceat(off_s[:, order], begins, axis=1)
    return misfits


def _within_reach(arrivals: Sequence[Arrival], newest: Arrival, allowed_s: float) -> list[Arrival]:
    """Those that a source can explain together with the newest one, wherever it is.

    Between two stations P takes no longer than along the ground: with 300 stations in a swarm
    most onsets of a minute are too far apart in time for that, and the grid need not see them.
    """
    assert newest.place is not None
    places = [arrival.place for arrival in arrivals if arrival.place is not None]
    limits_s = np.hypot(*_plane(newest.place, places).T) / _SLOWEST_KM_S + allowed_s
    onsets_s = _seconds([arrival.onset_ns for arrival in arrivals], newest.onset_ns)
    near = np.flatnonzero(np.abs(onsets_s) <= limits_s + 1e-6)
    return [arrivals[int(index)] for index in near]


def _by_onset(arrival: Arrival) -> tuple[int, str]:
    return arrival.onset_ns, arrival.station


def _seconds(times_ns: Sequence[int], since_ns: int) -> Float64Array:
    return np.array([(time_ns - since_ns) / NS_PER_S for time_ns in times_ns])


def _plane(centre: Place, places: Sequence[Place]) -> Float64Array:
    """Shape ``(n, 2)``: km to the east and north of a centre."""
    shrink = math.cos(math.radians(centre.latitude_deg))
    return np.array(
        [
            (
                ((place.longitude_deg - centre.longitude_deg + 180.0) % 360.0 - 180.0)
                * KM_PER_DEG
                * shrink,
                (place.latitude_deg - centre.latitude_deg) * KM_PER_DEG,
            )
            for place in places
        ]
    )


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


@lru_cache
def _table_s() -> tuple[Float64Array, Float64Array]:
    """Times at whole kilometres, and from each to the next."""
    table = np.array([first_p_s(float(km), DEPTH_KM) for km in range(_TABLE_KM + 1)])
    return table, np.diff(table, append=table[-1])


def travel_p_s(distance_km: Float64Array | float) -> Float64Array:
    """P's travel time, s, by a table of whole kilometres; that of 1,000 km beyond.

    By index: ``np.interp`` looks for its place anew, and took half the time of a search.
    """
    table, steps = _table_s()
    distance_km = np.minimum(distance_km, _TABLE_KM)
    whole = np.asarray(distance_km).astype(np.intp)
    return np.asarray(table[whole] + steps[whole] * (distance_km - whole))

"""Where a source may be, which stations would tell of it, and when."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.association import KM_PER_DEG, S_OVER_P, Place
from umamba_rt.core.rise import BINS_PER_S
from umamba_rt.core.travel_table import travel_p_s

# P from a source differs by 0.6 s at most from that of the nearest node, and a rise counts 0.3 s
# about its moment.
STEP_KM = 5.0
# Farther stations would hold every decision up: S takes 24 s over 80 km.
FARTHEST_KM = 80.0
MOST_STATIONS = 15
_MARGIN_KM = 25.0
_MOST_NODES = 20_000


@dataclass(frozen=True, slots=True)
class ScanGrid:
    """Nodes and their nearest stations.

    Attributes:
        names: of the stations, in the order of the numbers below.
        latitude_deg, longitude_deg: of the nodes, shape ``(nodes,)``.
        station: numbers of a node's stations, nearest first, shape ``(nodes, most)``; those
            beyond ``count`` are the number of stations: one that is silent.
        p, s: travel times to them, moments, shape ``(nodes, most)``.
        count: stations of each node, shape ``(nodes,)``.
    """

    names: tuple[str, ...]
    latitude_deg: NDArray[np.float64]
    longitude_deg: NDArray[np.float64]
    station: NDArray[np.intp]
    p: NDArray[np.intp]
    s: NDArray[np.intp]
    count: NDArray[np.intp]

    @property
    def longest(self) -> int:
        """The longest travel time, moments."""
        return int(self.s.max(initial=0))

    def place(self, node: int) -> Place:
        """Of a node."""
        return Place(float(self.latitude_deg[node]), float(self.longitude_deg[node]))


def scan_grid(places: Mapping[str, Place], min_stations: int) -> ScanGrid:
    """Nodes every 5 km around the stations, where enough of them are near.

    Of a network so large that there would be more than 20,000, the nodes are farther apart.

    Args:
        places: of the stations, by name.
        min_stations: nodes with fewer within 80 km are left out.
    """
    names = tuple(sorted(places))
    lat = np.array([places[name].latitude_deg for name in names])
    lon = np.array([places[name].longitude_deg for name in names])
    node_lat, node_lon = _nodes(lat, lon)
    shrink = np.cos(np.radians(node_lat))[:, None]
    east_km = ((lon - node_lon[:, None] + 180.0) % 360.0 - 180.0) * KM_PER_DEG * shrink
    km = np.hypot(east_km, (lat - node_lat[:, None]) * KM_PER_DEG)
    order = np.argsort(km, axis=1, kind="stable")[:, :MOST_STATIONS]
    near_km = np.take_along_axis(km, order, axis=1)
    within = near_km <= FARTHEST_KM
    kept = within.sum(axis=1) >= min_stations
    order, near_km, within = order[kept], near_km[kept], within[kept]
    p_s = np.where(within, travel_p_s(near_km), 0.0)
    return ScanGrid(
        names=names,
        latitude_deg=node_lat[kept],
        longitude_deg=node_lon[kept],
        station=np.where(within, order, len(names)),
        p=np.rint(p_s * BINS_PER_S).astype(np.intp),
        s=np.rint(p_s * S_OVER_P * BINS_PER_S).astype(np.intp),
        count=within.sum(axis=1),
    )


def _nodes(
    lat: NDArray[np.float64], lon: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Latitudes and longitudes of a rectangle about the stations, node by node."""
    if len(lat) == 0:
        return np.zeros(0), np.zeros(0)
    # Longitudes about the first station's, so that a network may lie across 180 degrees.
    lon = (lon - lon[0] + 180.0) % 360.0 - 180.0 + lon[0]
    km_per_lon = KM_PER_DEG * max(math.cos(math.radians(float(lat.mean()))), 0.01)
    high_km = float(np.ptp(lat)) * KM_PER_DEG + 2 * _MARGIN_KM
    wide_km = float(np.ptp(lon)) * km_per_lon + 2 * _MARGIN_KM
    step_km = max(STEP_KM, math.sqrt(high_km * wide_km / _MOST_NODES))
    ys = np.arange(0.0, high_km + step_km, step_km) - _MARGIN_KM
    xs = np.arange(0.0, wide_km + step_km, step_km) - _MARGIN_KM
    y, x = (axis.ravel() for axis in np.meshgrid(ys, xs, indexing="ij"))
    return lat.min() + y / KM_PER_DEG, lon.min() + x / km_per_lon

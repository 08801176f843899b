"""P's travel times by a table, for the many that a search of a source asks for."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.travel_time import first_p_s

Float64Array: TypeAlias = NDArray[np.float64]

DEPTH_KM = 8.0
_TABLE_KM = 1000


def travel_p_s(distance_km: Float64Array) -> Float64Array:
    """P's travel time, s, by a table of whole kilometres; that of 1,000 km beyond.

    By index: ``np.interp`` looks for its place anew, and took half the time of a search.

    Args:
        distance_km: epicentral, any shape; >= 0.
    """
    table, steps = _table_s()
    times_s = np.minimum(distance_km, float(_TABLE_KM))
    whole = times_s.astype(np.intp)
    times_s -= whole
    times_s *= steps.take(whole)
    times_s += table.take(whole)
    return times_s


def one_travel_p_s(distance_km: float) -> float:
    """The same of one distance, to the bit, in a tenth of the time."""
    table, steps = _listed_s()
    distance_km = min(distance_km, float(_TABLE_KM))
    whole = int(distance_km)
    return table[whole] + steps[whole] * (distance_km - whole)


def travels_p_s(nodes: Float64Array, sites: Float64Array) -> Float64Array:
    """From each node to each site, shape ``(nodes, sites)``; both on a plane, km, ``(n, 2)``."""
    east_km, north_km = sites[:, 0] - nodes[:, :1], sites[:, 1] - nodes[:, 1:]
    return travel_p_s(np.hypot(east_km, north_km))


@lru_cache
def _table_s() -> tuple[Float64Array, Float64Array]:
    """Times at whole kilometres, and from each to the next."""
    table = np.array([first_p_s(float(km), DEPTH_KM) for km in range(_TABLE_KM + 1)])
    return table, np.diff(table, append=table[-1])


@lru_cache
def _listed_s() -> tuple[list[float], list[float]]:
    table, steps = _table_s()
    return table.tolist(), steps.tolist()

"""Whether a sensor or its digitiser ran into its limits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.estimate import Float32Array

# A 24-bit digitiser ends at 2**23 counts. What lies beyond is a wider digitiser's, or, as in the
# 1.3e7 counts of Ridgecrest's broadband sensors in the M6.4, the overshoot of its filters behind a
# signal on its limit. The flag warns of both.
FULL_SCALE_COUNTS = 0.99 * 2**23
CLIPPED_RUN = 4
CLIPPED_MIN_RANGE = 1000.0
# A plateau: 0.2 s within 8 % of the range from an extreme, and within 0.1 s of one of its ends 40 %
# of the range away from it. The broadband sensors of Ridgecrest that clip in the M6.4 sit on their
# limit with a ripple of 1 %, behind an overshoot of 5 %: the digitiser's filters come after the
# limit. Slow waves stay near their extremes as long, but leave them slower. In 1,003 records of
# 252 earthquakes on five continents, and in the 78 minutes of 13 stations beside the M6.4, no
# window has two such plateaus in one component.
PLATEAU_MIN_RANGE = 10_000.0
PLATEAU_RUN = 20
PLATEAU_BAND = 0.08
PLATEAU_EDGE = 10
PLATEAU_DROP = 0.4
PLATEAUS = 2


def is_clipped(window: Float32Array) -> bool:
    """Whether a component is flat-topped, has plateaus or reaches a 24-bit digitiser's full scale.

    Flat-topped: four or more consecutive samples equal to the largest or smallest value, of a
    component that ranges over 1,000 counts or more (small integers of quiet noise repeat freely).
    Plateaus: two or more times 0.2 s close to the largest or the smallest value, entered or left
    steeply, of a component that ranges over 10,000 counts or more; a limit that lies before a
    filter looks so.

    Args:
        window: shape ``(c, n)``, counts, finite.
    """
    top, bottom = window.max(axis=1), window.min(axis=1)
    if max(float(top.max()), -float(bottom.min())) >= FULL_SCALE_COUNTS:
        return True
    # In nearly all windows that would be flat by equal values, few are equal at all.
    for extreme in (top, bottom):
        at_extreme = window == extreme[:, np.newaxis]
        if np.count_nonzero(at_extreme) >= CLIPPED_RUN:
            wide = top - bottom >= CLIPPED_MIN_RANGE
            if any(map(_has_flat_run, at_extreme[wide])):
                return True
    for row, high, low in zip(window, top, bottom, strict=True):
        if high - low >= PLATEAU_MIN_RANGE and _plateaus(row, high, low) >= PLATEAUS:
            return True
    return False


def _has_flat_run(flags: NDArray[np.bool_]) -> bool:
    begins, ends = _runs(flags)
    return bool((ends - begins).max(initial=0) >= CLIPPED_RUN)


def _plateaus(row: Float32Array, high: np.float32, low: np.float32) -> int:
    """How many plateaus a component has, given its extremes."""
    band, drop = PLATEAU_BAND * (high - low), PLATEAU_DROP * (high - low)
    count = 0
    for near, sign, extreme in ((row >= high - band, 1, high), (row <= low + band, -1, -low)):
        if np.count_nonzero(near) < PLATEAU_RUN:
            continue
        begins, ends = _runs(near)
        long = ends - begins >= PLATEAU_RUN
        before = sign * row[np.maximum(begins[long] - PLATEAU_EDGE, 0)]
        after = sign * row[np.minimum(ends[long] + PLATEAU_EDGE - 1, len(row) - 1)]
        count += int(np.count_nonzero(extreme - np.minimum(before, after) >= drop))
    return count


def _runs(flags: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where runs of true values begin, and where they have ended."""
    edges = np.flatnonzero(flags[1:] != flags[:-1]) + 1
    if flags[0]:
        edges = np.append(0, edges)
    if flags[-1]:
        edges = np.append(edges, len(flags))
    return edges[::2], edges[1::2]

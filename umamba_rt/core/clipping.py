"""Whether a sensor or its digitiser ran into its limits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.estimate import Float32Array

# A 24-bit digitiser ends at 2**23 counts.
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
    for row, high, low in zip(window, top, bottom, strict=True):
        span = high - low
        if span < CLIPPED_MIN_RANGE:
            continue
        if _has_flat_run(row == high) or _has_flat_run(row == low):
            return True
        if span >= PLATEAU_MIN_RANGE:
            away_from_top, away_from_bottom = (high - row) / span, (row - low) / span
            if _plateaus(away_from_top) + _plateaus(away_from_bottom) >= PLATEAUS:
                return True
    return False


def _has_flat_run(flags: NDArray[np.bool_]) -> bool:
    if np.count_nonzero(flags) < CLIPPED_RUN:  # nearly always, and an eighth of the cost
        return False
    begins, ends = _runs(flags)
    return bool((ends - begins).max() >= CLIPPED_RUN)


def _plateaus(away: Float32Array) -> int:
    """How many plateaus a component has at one of its extremes.

    Args:
        away: shape ``(n,)``, distance from the extreme as a share of the range.
    """
    near = away <= PLATEAU_BAND
    if np.count_nonzero(near) < PLATEAU_RUN:
        return 0
    begins, ends = _runs(near)
    long = ends - begins >= PLATEAU_RUN
    begins, ends = begins[long], ends[long]
    before = away[np.maximum(begins - PLATEAU_EDGE, 0)]
    after = away[np.minimum(ends + PLATEAU_EDGE - 1, len(away) - 1)]
    return int(np.count_nonzero(np.maximum(before, after) >= PLATEAU_DROP))


def _runs(flags: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where runs of true values begin, and where they have ended."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return edges[::2], edges[1::2]

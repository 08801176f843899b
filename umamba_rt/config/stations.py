"""What the configuration says of stations, and of the windows that are withheld."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from umamba_rt.config.table import key, path_key
from umamba_rt.core.withhold import Defect


@dataclass(frozen=True, slots=True)
class StationsConfig:
    """What is known of the stations, and which of their sensors are used."""

    inventory: str = path_key(
        "StationXML file, or a folder of them, read at start. Empty: nothing is known; samples\n"
        "stay counts and components are used as they come",
    )
    vertical_only: Literal["skip", "repeat-z"] = key(
        "stations without horizontals: skip withholds their windows; repeat-z lets the vertical\n"
        "stand for all three components (flagged: their components are Z)",
        "skip",
    )
    serve: Literal["all", "preferred", "per-instrument"] = key(
        "all: every sensor of a station. preferred: the best one that works, see prefer.\n"
        "per-instrument: the best one of each source code, as in HH instead of BH, beside HN.\n"
        "The others stand by: window.stale_after_s after its last window the best one is replaced",
        "all",
    )
    prefer: tuple[str, ...] = key(
        "best first: band and source code, or LOCATION.CODE (-- where empty); * and ? are\n"
        "wildcards. What is not named ranks last, equals by location",
        ("HH", "BH", "EH", "HN"),
        pattern=re.compile(r"(([A-Z0-9*?]{1,8}|--)\.)?[A-Z0-9*?]{1,8}"),
        shape='"CODE" or "LOCATION.CODE", as in "HH" or "00.B?"',
    )
    serve_all: tuple[str, ...] = key(
        "NET_STA of stations of which every sensor is served all the same; * and ? are wildcards",
        (),
        pattern=re.compile(r"[A-Z0-9*?-]{1,8}_[A-Z0-9*?-]{1,8}"),
        shape='"NET_STA", as in "CI_W*"',
    )


@dataclass(frozen=True, slots=True)
class QualityConfig:
    """Which windows are withheld for their quality; all others go out with their flags."""

    withhold: tuple[str, ...] = key(
        "clipped, flat (a component repeats one value for 1 s), spikes, dc_step",
        (),
        pattern=re.compile("|".join(get_args(Defect))),
        shape=", ".join(f'"{defect}"' for defect in get_args(Defect)),
    )
    min_timing_quality: int = key(
        "per cent; a window is withheld where its records state less (most state nothing)",
        0,
        low=0,
        high=100,
    )

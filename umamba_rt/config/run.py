"""What the configuration says of the process and of what outlives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from umamba_rt.config.table import key, path_key


@dataclass(frozen=True, slots=True)
class RunConfig:
    """How the daemon runs."""

    mode: Literal["live", "replay"] = key(
        "live: the wall clock rules, and under overload the newest window of each station wins.\n"
        "replay: the data are the clock, and overload slows the source",
        "live",
    )
    heartbeat_s: float = key("pause between two heartbeats", 5.0, low=0.1, high=3600)
    drain_s: float = key(
        "at SIGTERM, finish queued windows for at most this long; 2 s later the process is gone,\n"
        "whatever hangs. The service's TimeoutStopSec must be longer",
        2.5,
        low=0,
        high=300,
    )
    log_format: Literal["auto", "json", "text"] = key("auto: text on a terminal, else json", "auto")
    log_level: Literal["debug", "info", "warning", "error"] = key("least level logged", "info")


@dataclass(frozen=True, slots=True)
class StateConfig:
    """What outlives the process, so that a restart loses no window and doubles none."""

    enabled: bool = key("keep it", True)
    directory: str = path_key(
        "where; empty: systemd's $STATE_DIRECTORY, and without that nothing is kept. A replay\n"
        "that is to start over needs an empty one: it would send no window of its last run again",
    )
    interval_s: float = key("pause between two saves", 1.0, low=1, high=60)
    hold_s: float = key(
        "a sensor that falls silent with windows unfinished keeps the position back for this long",
        120.0,
        low=1,
        high=3600,
    )
    max_age_s: float = key(
        "live: a position older than this is set aside, and the stream starts from now",
        3600.0,
        low=1,
        high=31536000,
    )
    rejoin_s: float = key(
        "after a restart, time for subscribers to come back before the first window goes out",
        1.0,
        low=0,
        high=60,
    )

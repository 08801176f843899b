"""What the configuration says of windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from umamba_rt.config.table import key


@dataclass(frozen=True, slots=True)
class WindowConfig:
    """How windows are cut; they lie on a UTC grid of whole hops."""

    length_s: float = key("must be the model's", 30.0, low=1, high=600, step=0.01)
    hop_s: float = key("one estimate a station a hop", 1.0, low=0.01, high=600, step=0.01)
    max_wait_s: float = key(
        "how long a missing sample is waited for after a later one of any component has come;\n"
        "the window then goes without it, filled or withheld as max_gap_s says",
        10.0,
        low=0,
        high=600,
    )
    max_gap_s: float = key(
        "missing time of one component that is filled (and flagged);\n"
        "a window that misses more is withheld and counted",
        0.5,
        low=0,
        high=30,
    )
    fill: Literal["linear", "zero", "none"] = key(
        "how: linear interpolation; zero: the component's mean, which is zero to the model;\n"
        "none: a window with any gap is withheld",
        "linear",
    )
    resend_late: bool = key(
        "send a window again, with a revision above 0, when data that come late have changed it:\n"
        "as soon as it lacks nothing, or max_wait_s after the first of them. Else it is counted",
        False,
    )
    reorder_s: float = key(
        "how much later than its turn a record may come and its channel, if it is resampled, go\n"
        "on as if the record had come in its turn; longer than max_wait_s, windows that are due\n"
        "go without what is held back for it",
        10.0,
        low=0,
        high=600,
    )
    slack_s: float = key("data kept beyond a window and the wait", 20.0, low=5, high=3600)
    stale_after_s: float = key(
        "silence after which a station is called stale", 60.0, low=1, high=86400
    )
    max_future_s: float = key(
        "live: a record that ends later than now plus this is refused", 30.0, low=0, high=86400
    )
    max_stations: int = key(
        "most sensors; further ones are refused and counted", 2000, low=1, high=100000
    )

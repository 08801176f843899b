"""What one input led to at one sensor."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from umamba_rt.core.reasons import Reason
from umamba_rt.core.state import StateChange, StateName
from umamba_rt.core.window import Window


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a window is withheld: what it counts as, the state that follows, the operator's line."""

    reason: Reason
    state: StateName
    detail: str


@dataclass(slots=True)
class Cut:
    """Windows, changes of state, and counts."""

    windows: list[Window] = field(default_factory=list)
    changes: list[StateChange] = field(default_factory=list)
    counts: Counter[Reason] = field(default_factory=Counter)

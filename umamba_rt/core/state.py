"""What state a station is in, and when that changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from umamba_rt.core.ids import GroupId

StateName: TypeAlias = Literal[
    "online", "standby", "gap", "withheld", "incomplete", "unoriented", "stale", "refused"
]

_SAYS_NOTHING_NEW = frozenset({"gap", "withheld", "incomplete", "unoriented", "standby"})


@dataclass(frozen=True, slots=True)
class StateChange:
    """A station's new state.

    Attributes:
        group: the station's sensor.
        state: ``online``: its windows are sent. ``standby``: they could be, but a sensor of the
            same station that the operator prefers works. ``gap``: the latest window was withheld
            for a gap. ``withheld``: it was for another fault that the operator does not want.
            ``incomplete``: a component has never come. ``unoriented``: nobody knows where its
            channels 1 2 3 or U V W point. ``stale``: nothing comes any more. ``refused``: a
            channel's sampling rate cannot be used.
        since_ns: when it changed, by the pipeline's clock, ns since 1970 UTC.
        detail: one line for the operator.
    """

    group: GroupId
    state: StateName
    since_ns: int
    detail: str


class StationState:
    """Remembers a station's state and reports each change once."""

    def __init__(self, group: GroupId) -> None:
        self._group = group
        self.latest: StateChange | None = None

    @property
    def name(self) -> StateName | None:
        """The state; None before any."""
        return None if self.latest is None else self.latest.state

    def enter(self, state: StateName, detail: str, now_ns: int) -> list[StateChange]:
        """The change, or nothing where the state was the same already.

        A refused channel is why windows are withheld: ``gap`` and its like say nothing new, and
        would alternate with ``refused`` at every record.
        """
        latest = self.name
        if latest == state or (latest == "refused" and state in _SAYS_NOTHING_NEW):
            return []
        self.latest = StateChange(self._group, state, now_ns, detail)
        return [self.latest]

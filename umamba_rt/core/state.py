"""What state a station is in, and when that changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from umamba_rt.core.ids import GroupId

StateName: TypeAlias = Literal["online", "gap", "incomplete", "stale", "refused"]


@dataclass(frozen=True, slots=True)
class StateChange:
    """A station's new state.

    Attributes:
        group: the station's sensor.
        state: ``online``: all components come. ``gap``: the latest window was withheld for a gap.
            ``incomplete``: a component has never come. ``stale``: nothing comes any more.
            ``refused``: a channel's sampling rate cannot be used.
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

    def enter(self, state: StateName, detail: str, now_ns: int) -> list[StateChange]:
        """The change, or nothing where the state was the same already.

        A refused channel is why windows are withheld: ``gap`` and ``incomplete`` say nothing new,
        and would alternate with ``refused`` at every record.
        """
        latest = None if self.latest is None else self.latest.state
        if latest == state or (latest == "refused" and state in {"gap", "incomplete"}):
            return []
        self.latest = StateChange(self._group, state, now_ns, detail)
        return [self.latest]

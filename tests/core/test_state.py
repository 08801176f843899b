from __future__ import annotations

from umamba_rt.core.ids import GroupId
from umamba_rt.core.state import StateChange, StationState

GROUP = GroupId("CI", "CCC", "", "HH")


def test_each_change_is_reported_once() -> None:
    state = StationState(GROUP)
    assert state.latest is None
    online = StateChange(GROUP, "online", 1, "components ZNE")
    assert state.enter("online", "components ZNE", 1) == [online]
    assert state.enter("online", "another detail", 2) == []
    assert state.latest == online
    assert state.enter("gap", "2 s missing", 3) == [StateChange(GROUP, "gap", 3, "2 s missing")]
    assert state.enter("online", "back", 4) == [StateChange(GROUP, "online", 4, "back")]


def test_a_refused_channel_explains_gaps_and_missing_components() -> None:
    state = StationState(GROUP)
    assert state.enter("gap", "", 0)
    assert state.enter("refused", "31.25 Hz", 1)
    assert state.enter("gap", "", 2) == []
    assert state.enter("incomplete", "", 2) == []
    assert state.enter("stale", "", 3)
    assert state.enter("refused", "31.25 Hz", 4)
    assert state.enter("online", "", 5)

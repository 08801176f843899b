"""core/trigger_bank.py: windows are flagged, and a restart changes no onset."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.ids import GroupId
from umamba_rt.core.quality import Quality
from umamba_rt.core.rise_filter import rises_of
from umamba_rt.core.trigger_bank import SavedTriggers, TriggerBank, require_usable
from umamba_rt.core.trigger_rules import TriggerRules
from umamba_rt.core.window import Window

RULES = TriggerRules()
GROUP = GroupId("CI", "CCC", "", "HH")
QUALITY = Quality(0.0, 0, 0.0, False, 20.0, 100.0, "ZNE", True)
FIRST = 5_000_000


def windows(group: GroupId = GROUP) -> list[Window]:
    """A window a second of two minutes with three bursts."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 100, 12_000)
    for start in (4000, 6050, 9000):
        samples[start : start + 200] *= 80
    rows = np.stack([samples.astype(np.float32)] * 3)
    return [
        Window(group, FIRST + k, rows[:, k : k + 3001], QUALITY, 0) for k in range(0, 9000, 100)
    ]


def test_windows_are_flagged_while_they_hold_a_trigger() -> None:
    watched = TriggerBank(RULES).watch(windows())
    spans = sorted({span.on for window in watched for span in window.triggers})
    assert [(on - FIRST) // 10 for on in spans] == [400, 605, 900]
    for window in watched:
        assert window.quality.triggered == bool(window.triggers)
        assert all(span.on < window.first + 3001 for span in window.triggers)
    assert not watched[0].triggers
    assert watched[10].triggers


def test_windows_keep_what_the_rises_of_their_newest_second_need_where_a_scan_wants_them() -> None:
    watched = TriggerBank(RULES, scan_hop=100).watch(windows())
    assert [one.triggers for one in watched] == [
        w.triggers for w in TriggerBank(RULES).watch(windows())
    ]
    told: dict[int, float] = {}
    for window in watched:
        assert window.tail is not None
        (rises,) = rises_of([window.tail])
        assert rises is not None
        told |= {rises.first + k: rise for k, rise in enumerate(rises.p)}
    highest = sorted(sorted(told, key=told.__getitem__)[-6:])
    assert {round((moment - FIRST / 10) / 10) for moment in highest} <= {40, 60, 61, 90}
    assert all(window.tail is None for window in TriggerBank(RULES).watch(windows()))


def test_nothing_triggers_without_rules() -> None:
    bank = TriggerBank(None)
    assert not any(window.triggers for window in bank.watch(windows()))
    assert bank.saved is None
    bank.resume(SavedTriggers(RULES, {}))


def test_other_thresholds_hold_from_the_next_sample_on_and_the_averages_go_on() -> None:
    deaf = replace(RULES, on=1e6)
    bank = TriggerBank(RULES)
    bank.watch(windows()[:20])  # 49 s: the first burst
    bank.adopt(deaf)
    told = [window.triggers for window in bank.watch(windows()[20:50])]  # to 79 s: the second
    assert {(span.on - FIRST) // 10 for spans in told for span in spans} == {400}
    bank.adopt(RULES)
    undisturbed = TriggerBank(RULES).watch(windows())[50:]
    last = [window.triggers[-1:] for window in bank.watch(windows()[50:])]
    assert [s for s in last if s and s[0].on > FIRST + 8000] == [
        w.triggers[-1:] for w in undisturbed if w.triggers[-1].on > FIRST + 8000
    ]
    assert last[-1]


def test_what_triggers_compare_does_not_change_under_way() -> None:
    other = replace(RULES, average=replace(RULES.average, low_hz=3.0))
    for former, new in ((RULES, other), (RULES, None), (None, RULES)):
        with pytest.raises(ValueError, match="of the start"):
            TriggerBank(former).adopt(new)


@given(cut=st.integers(1, 89), behind=st.integers(-25, 3))
def test_a_restart_changes_no_onset(cut: int, behind: int) -> None:
    undisturbed = [window.triggers for window in TriggerBank(RULES).watch(windows())]
    before, after = TriggerBank(RULES), TriggerBank(RULES)
    # The file is of another moment than the ledger: windows older, or newer by those in the queue.
    before.watch(windows()[: max(1, cut + behind)])
    after.resume(msgspec.json.decode(msgspec.json.encode(before.saved), type=SavedTriggers))
    told = [window.triggers for window in after.watch(windows()[cut:])]
    onsets = [{span.on for span in triggers} for triggers in told]
    assert onsets == [{span.on for span in triggers} for triggers in undisturbed[cut:]]


def test_a_window_sent_again_is_flagged_and_moves_no_trigger() -> None:
    bank = TriggerBank(RULES)
    told = bank.watch(windows())
    before = bank.saved
    again = bank.watch([replace(window, revision=1) for window in windows()])
    assert [one.triggers for one in again[-1:]] == [one.triggers for one in told[-1:]]
    assert any(one.triggers for one in again)
    assert bank.saved == before
    (stranger,) = TriggerBank(RULES).watch([replace(windows()[0], revision=1)])
    assert stranger.triggers == ()


def test_triggers_of_other_rules_begin_anew() -> None:
    before, after = TriggerBank(RULES), TriggerBank(replace(RULES, on=5.0))
    before.watch(windows())
    after.resume(before.saved)
    assert after.saved is not None
    assert not after.saved.sensors
    after.resume(None)


def test_a_trigger_from_the_future_begins_anew() -> None:
    before, after = TriggerBank(RULES), TriggerBank(RULES)
    late = [replace(window, first=window.first + 10**7) for window in windows()]
    before.watch(late)
    after.resume(before.saved)
    told, expected = after.watch(windows()), TriggerBank(RULES).watch(windows())
    assert [one.triggers for one in told] == [one.triggers for one in expected]


def test_sensors_that_left_hours_ago_are_neither_saved_nor_gone_on_with() -> None:
    """By the data's time: hours behind the newest one."""
    hour, gone, late = 3600 * 100, GroupId("CI", "GONE", "", "HH"), GroupId("CI", "LATE", "", "HH")
    bank = TriggerBank(RULES)
    bank.watch(windows(gone)[:30])
    bank.watch([replace(one, first=one.first + hour) for one in windows(late)[:30]])
    early = bank.saved
    bank.watch([replace(one, first=one.first + 6 * hour + 1) for one in windows()[:30]])
    assert early is not None
    assert bank.saved is not None
    assert set(early.sensors) == {str(gone), str(late)}
    assert set(bank.saved.sensors) == {str(late), str(GROUP)}
    after = TriggerBank(RULES)
    after.resume(SavedTriggers(RULES, {**early.sensors, **bank.saved.sensors}))
    assert set(after.reached) == {late, GROUP}
    assert after.saved == bank.saved


def test_trigger_that_begins_anew_is_kept_while_its_onsets_are_of_this_hour() -> None:
    bank, spoilt = TriggerBank(RULES), windows()[89]
    broken = replace(spoilt, samples=np.full_like(spoilt.samples, np.inf))
    bank.watch(windows()[:89])
    bank.watch([broken])
    bank.watch([replace(broken, group=GroupId("CI", "NEW", "", "HH"))])
    assert set(bank.reached.values()) == {None}
    assert bank.saved is not None
    assert set(bank.saved.sensors) == {str(GROUP)}
    assert TriggerBank(RULES).saved == SavedTriggers(RULES, {})


def test_state_of_a_trigger_that_can_go_on_is_usable() -> None:
    for kind in ("recursive", "classic"):
        rules = replace(RULES, average=replace(RULES.average, kind=kind))
        bank = TriggerBank(rules)
        for window in windows()[:60]:
            bank.watch([window])
            assert bank.saved is not None
            require_usable(bank.saved)


def test_state_that_no_trigger_goes_on_from_is_not() -> None:
    bank = TriggerBank(RULES)
    bank.watch(windows()[:30])
    assert bank.saved is not None
    one = bank.saved.sensors[str(GROUP)]
    few = replace(one.state.average, sections=((0.0, 0.0),))
    for name, spoilt, reason in (
        ("CI.CCC", one, "not enough values"),
        (str(GROUP), replace(one, state=replace(one.state, is_on=True, spans=())), "without an"),
        (str(GROUP), replace(one, state=replace(one.state, average=few)), f"{GROUP}: "),
    ):
        with pytest.raises(ValueError, match=reason):
            require_usable(SavedTriggers(RULES, {name: spoilt}))


def test_each_sensor_has_a_trigger_with_the_band_of_its_rate() -> None:
    bank, slow = TriggerBank(RULES), GroupId("CI", "CCC", "10", "BH")
    quality = replace(QUALITY, native_rate_hz=20.0)
    bank.watch(windows() + [replace(one, quality=quality) for one in windows(slow)])
    assert bank.saved is not None
    bands = {name: one.rules.average.high_hz for name, one in bank.saved.sensors.items()}
    assert bands == {"CI.CCC.--.HH": 40.0, "CI.CCC.10.BH": 8.0}


@pytest.mark.parametrize("name", ["CI.CCC.--.HH", "CI.CCC.10.BH"])
def test_names_of_sensors_are_read_back(name: str) -> None:
    assert str(GroupId.parse(name)) == name

"""trigger_saves.py: what is on disk is never far behind the windows that go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.test_trigger_bank import RULES, windows
from umamba_rt.core.timebase import RATE_HZ
from umamba_rt.core.trigger_bank import TriggerBank
from umamba_rt.core.trigger_rules import TriggerRules
from umamba_rt.core.window import Window
from umamba_rt.io.trigger_file import TriggerFile
from umamba_rt.trigger_saves import TriggerSaves

OTHER = replace(windows()[0].group, station="OTHER")


def started(folder: Path, rules: TriggerRules | None = RULES) -> tuple[TriggerBank, TriggerSaves]:
    bank = TriggerBank(rules)
    return bank, TriggerSaves(TriggerFile(folder / "triggers"), bank)


def seen_on_disk(folder: Path, window: Window) -> int:
    """Behind the last sample that the file's trigger of the window's sensor has seen."""
    saved = TriggerFile(folder / "triggers").load()
    assert saved is not None
    return saved.sensors[str(window.group)].state.following or 0


def test_each_window_goes_when_the_file_has_seen_what_its_successor_needs(tmp_path: Path) -> None:
    bank, saves = started(tmp_path)
    written = 0
    for window in bank.watch(windows()):
        # The bank is ahead of the windows, as it is of those in a queue.
        if saves.are_due([window]):
            saves.begin()()
            written += 1
        assert seen_on_disk(tmp_path, window) >= window.first + 2001
    assert 2 <= written <= 1 + len(windows()) / 10


def test_a_sensor_that_is_new_is_due_at_once_and_others_are_saved_with_it(tmp_path: Path) -> None:
    bank, saves = started(tmp_path)
    first, second, *_ = bank.watch(windows())
    other = bank.watch([replace(second, group=OTHER)])
    assert saves.are_due([first])
    saves.begin()()
    assert not saves.are_due([second])
    assert saves.are_due(other)
    saves.begin()()
    assert seen_on_disk(tmp_path, second) >= second.first + 3001
    assert not saves.are_due([second, *other])


def test_what_the_last_run_left_is_gone_on_with_and_is_not_due(tmp_path: Path) -> None:
    bank, saves = started(tmp_path)
    last = bank.watch(windows()[:30])[-1]
    assert saves.are_due([last])
    saves.begin()()
    following, resumed = started(tmp_path)
    assert following.saved == bank.saved
    assert not resumed.are_due([last])
    assert not resumed.are_due([replace(last, first=last.first + 10 * RATE_HZ)])
    assert resumed.are_due([replace(last, first=last.first + 10 * RATE_HZ + 1)])


def test_a_window_that_is_sent_again_is_not_due(tmp_path: Path) -> None:
    bank, saves = started(tmp_path)
    told = bank.watch(windows()[:30])
    assert saves.are_due(told)
    saves.begin()()
    assert not saves.are_due([replace(told[0], revision=1)])


def test_a_disk_that_refuses_is_asked_again_ten_seconds_of_data_later(tmp_path: Path) -> None:
    bank, saves = started(tmp_path / "gone")
    told = bank.watch(windows())
    assert saves.are_due(told[:1])
    with pytest.raises(OSError, match="gone"):
        saves.begin()()
    assert not saves.are_due(told[:2])
    assert saves.are_due(told[:20])


def test_where_nothing_triggers_nothing_is_written(tmp_path: Path) -> None:
    _, saves = started(tmp_path, None)
    saves.are_due(windows())
    saves.begin()()
    assert list(tmp_path.iterdir()) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(kills=st.dictionaries(st.integers(1, 70), st.integers(0, 15), max_size=6))
def test_kills_change_nothing_that_triggers_tell(tmp_path: Path, kills: dict[int, int]) -> None:
    """Killed with some windows sent and some more in the queue."""
    (tmp_path / "triggers").unlink(missing_ok=True)
    undisturbed = TriggerBank(RULES).watch(windows())
    bank, saves = started(tmp_path)

    def watched(window: Window) -> Window:
        (told,) = bank.watch([window])
        if saves.are_due([told]):
            saves.begin()()
        return told

    for number, (window, expected) in enumerate(zip(windows(), undisturbed, strict=True)):
        if number in kills:
            for queued in windows()[number : number + kills[number]]:
                watched(queued)
            bank, saves = started(tmp_path)
        assert [one.on for one in watched(window).triggers] == [one.on for one in expected.triggers]

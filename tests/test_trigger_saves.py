"""trigger_saves.py: what is on disk is never far behind the windows that go."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.test_trigger_bank import GROUP, RULES, windows
from umamba_rt.core.ids import GroupId
from umamba_rt.core.timebase import RATE_HZ
from umamba_rt.core.trigger_bank import SavedTriggers, TriggerBank
from umamba_rt.core.trigger_rules import TriggerRules
from umamba_rt.core.window import Window
from umamba_rt.io.trigger_file import TriggerFile
from umamba_rt.trigger_saves import TriggerSaves

HELD_UP_S = 0.1


class Disk(TriggerFile):
    """A file whose disk can be stopped, and that counts."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.written = 0
        self.goes = threading.Event()
        self.goes.set()

    def save(self, saved: SavedTriggers) -> None:
        self.goes.wait()
        super().save(saved)
        self.written += 1


class Run:
    """Triggers, and what is kept of them."""

    def __init__(self, folder: Path, rules: TriggerRules | None = RULES) -> None:
        self.failures: list[OSError] = []
        self.disk, self.bank = Disk(folder / "triggers"), TriggerBank(rules)
        self.saves = TriggerSaves(
            self.disk, self.bank, overlap=2901, on_failure=self.failures.append
        )

    async def pass_on(self, some: Sequence[Window]) -> list[Window]:
        """As the daemon does: first what the triggers say, then the wait."""
        watched = self.bank.watch(list(some))
        await self.saves.keep_up(watched)
        return watched

    def on_disk(self, group: GroupId = GROUP) -> int | None:
        """What the next run's trigger would expect next."""
        saved = self.disk.load()
        one = saved.sensors.get(str(group)) if saved else None
        return one.state.following if one else None


def of_station(window: Window, code: str) -> Window:
    return replace(window, group=replace(window.group, station=code))


def test_window_goes_when_the_disk_has_what_the_next_run_needs_behind_it(tmp_path: Path) -> None:
    run = Run(tmp_path)

    async def all_windows() -> None:
        for window in windows():
            await run.pass_on([window])
            on_disk = run.on_disk()
            assert on_disk is not None
            assert on_disk >= window.first + 3001 - 10 * RATE_HZ

    asyncio.run(all_windows())
    assert 5 < run.disk.written < len(windows()) / 9 + 2
    assert run.failures == []


def test_first_window_of_a_sensor_goes_when_the_sensor_is_on_disk(tmp_path: Path) -> None:
    run = Run(tmp_path)

    async def some() -> None:
        for number in range(20):
            window = of_station(windows()[0], f"S{number}")
            await run.pass_on([window])
            assert run.on_disk(window.group) == window.first + 3001
        together = [of_station(windows()[0], f"T{number}") for number in range(20)]
        await run.pass_on(together)
        assert None not in map(run.on_disk, (one.group for one in together))
        assert run.disk.written == 21
        await run.pass_on([of_station(windows()[1], f"S{number}") for number in range(20)])
        assert run.disk.written == 21

    asyncio.run(some())


def test_minutes_of_a_new_sensor_at_once_are_written_once(tmp_path: Path) -> None:
    run = Run(tmp_path)
    asyncio.run(run.pass_on(windows()))
    assert len(windows()) > 60
    assert (run.on_disk(), run.disk.written) == (windows()[-1].first + 3001, 1)


def test_disk_that_hangs_holds_windows_up_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("umamba_rt.trigger_saves._MOST_HELD_UP_S", HELD_UP_S)
    run = Run(tmp_path)

    async def through() -> None:
        await run.pass_on(windows()[:1])
        await run.saves.save()
        run.disk.goes.clear()
        begun_s = time.monotonic()
        for window in windows()[1:40]:
            await run.pass_on([window])
        assert HELD_UP_S <= time.monotonic() - begun_s < 20 * HELD_UP_S
        hung = run.on_disk()
        run.disk.goes.set()
        await run.saves.save()
        on_disk = run.on_disk()
        assert on_disk == windows()[39].first + 3001 != hung
        for window in windows()[40:80]:  # and then they wait for it again
            await run.pass_on([window])
            on_disk = run.on_disk()
            assert on_disk is not None
            assert on_disk >= window.first + 3001 - 10 * RATE_HZ

    asyncio.run(through())
    assert run.failures == []


def test_disk_that_refuses_is_told_of_and_asked_again_ten_seconds_later(tmp_path: Path) -> None:
    run = Run(tmp_path)

    async def through() -> None:
        await run.pass_on(windows()[:1])
        await run.saves.save()
        run.disk.path = tmp_path / "gone" / "triggers"
        for window in windows()[1:50]:
            await run.pass_on([window])
        with pytest.raises(OSError, match="gone"):
            await run.saves.save()

    asyncio.run(through())
    assert 3 <= len(run.failures) <= 5


def test_windows_of_a_stranger_time_do_not_wait_and_make_others_neither(tmp_path: Path) -> None:
    """The bank begins anew where a state is over a minute ahead; so does what is kept."""
    run = Run(tmp_path)

    async def through() -> None:
        early, late = windows()[0], windows()[80]
        await run.pass_on([replace(early, first=early.first + 10**6)])
        await run.saves.save()
        assert run.on_disk() == early.first + 10**6 + 3001
        await run.pass_on([early])
        await run.pass_on(windows()[1:2])
        await run.pass_on([late])
        assert run.on_disk() == late.first + 3001

    asyncio.run(through())


def test_a_window_that_is_sent_again_waits_for_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path)

    async def through() -> None:
        told = await run.pass_on(windows()[:30])
        await run.saves.save()
        written = run.disk.written
        await run.saves.keep_up([replace(told[0], revision=1)])
        assert run.disk.written == written

    asyncio.run(through())


def test_where_nothing_triggers_nothing_waits_and_nothing_is_written(tmp_path: Path) -> None:
    run = Run(tmp_path, None)
    run.disk.goes.clear()

    async def through() -> None:
        begun_s = time.monotonic()
        for window in windows():
            await run.pass_on([window])
        assert time.monotonic() - begun_s < 1
        await run.saves.save()

    asyncio.run(through())
    assert list(tmp_path.iterdir()) == []


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None
)
@given(kills=st.dictionaries(st.integers(0, 70), st.integers(0, 15), max_size=6))
def test_kills_change_nothing_that_triggers_tell(tmp_path: Path, kills: dict[int, int]) -> None:
    """Killed with some windows sent and some more in the queue."""
    (tmp_path / "triggers").unlink(missing_ok=True)
    undisturbed = TriggerBank(RULES).watch(windows())

    async def through() -> None:
        run = Run(tmp_path)
        for number, (window, expected) in enumerate(zip(windows(), undisturbed, strict=True)):
            if number in kills:
                for queued in windows()[number : number + kills[number]]:
                    await run.pass_on([queued])
                run = Run(tmp_path)
            (told,) = await run.pass_on([window])
            assert [one.on for one in told.triggers] == [one.on for one in expected.triggers]

    asyncio.run(through())

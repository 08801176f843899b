"""intake.py: what waits for the disk stays in order, and is there when the daemon ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.core.test_trigger_bank import windows
from tests.support import free_port
from tests.test_daemon import config
from umamba_rt.config.file import parse
from umamba_rt.core.inventory import EMPTY
from umamba_rt.core.pipeline import Outcome
from umamba_rt.core.trigger_bank import SavedTriggers
from umamba_rt.engines import make_engines
from umamba_rt.parts import Parts
from umamba_rt.window_queue import now_ns

FIRST, *LATER = windows()[:1] + windows()[20:23]  # those are 20 s of data ahead of what is on disk


@asynccontextmanager
async def running(folder: Path, mode: str) -> AsyncIterator[tuple[Parts, threading.Event]]:
    """The daemon's parts behind its first window; and what lets the triggers' disk go on."""
    more = f'[state]\ndirectory = "{folder}/state"\n[model]\ncheckpoint = "untrained"\n'
    text = config(free_port(), f"ipc://{folder}/feed", mode=mode, more=more)
    made = parse(text, {}, where="test")
    parts = Parts(made, make_engines(made), EMPTY, on_failure=lambda error: pytest.fail(str(error)))
    assert parts.resume is not None
    assert parts.events is not None
    file, goes = parts.resume._trigger_file, threading.Event()
    goes.set()
    save = file.save

    def slowly(saved: SavedTriggers) -> None:
        goes.wait()
        save(saved)

    file.save = slowly  # type: ignore[method-assign]
    parts.room.open()
    try:
        await dispatch(parts, 0)
        goes.clear()
        yield parts, goes
    finally:
        goes.set()
        parts.events.finish(1.0)
        await parts.resume.end()
        parts.closing.close()


def dispatch(parts: Parts, number: int) -> asyncio.Task[None]:
    """Have the triggers see a window, and pass it on."""
    watched = parts.ingest.pipeline.triggers.watch([[FIRST, *LATER][number]])
    outcome = Outcome(windows=watched)
    return asyncio.ensure_future(parts.intake._dispatch(outcome, now_ns()))


def queued(parts: Parts) -> list[int]:
    return [task.window.first for task in parts.queue.take(100, 0.0)]


def test_windows_that_wait_for_the_disk_stay_in_order(tmp_path: Path) -> None:
    async def through() -> None:
        async with running(tmp_path, "live") as (parts, goes):
            tasks = [dispatch(parts, number) for number in (1, 2, 3)]
            await asyncio.sleep(0.05)
            assert len(parts.queue) == 1
            goes.set()
            await asyncio.gather(*tasks)
            assert queued(parts) == [one.first for one in (FIRST, *LATER)]

    asyncio.run(through())


@pytest.mark.parametrize("mode", ["live", "replay"])
def test_windows_that_wait_at_the_end_are_queued_live_and_counted_in_a_replay(
    tmp_path: Path, mode: str
) -> None:
    """Live, the end sends what is in the queue; a replay's next run gets them again."""

    async def through() -> None:
        async with running(tmp_path, mode) as (parts, _):
            tasks = [dispatch(parts, number) for number in (1, 2, 3)]
            await asyncio.sleep(0.05)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(one, asyncio.CancelledError) for one in ended)
            live = mode == "live"
            assert sorted(queued(parts)) == [one.first for one in (FIRST, *LATER * live)]
            assert parts.figures.left_at_end == (0 if live else len(LATER))

    asyncio.run(through())

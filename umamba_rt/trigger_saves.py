"""The triggers' state on disk: written now and then, and before windows go far ahead of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from umamba_rt.core.timebase import RATE_HZ
from umamba_rt.core.trigger_bank import MOST_AHEAD, SavedTriggers, TriggerBank
from umamba_rt.core.window import Window
from umamba_rt.io.trigger_file import TriggerFile

# By how much windows may be ahead of what is on disk, and then wait for it.
_MOST_BEHIND = 10 * RATE_HZ
# That a disk may hold up windows; behind one that takes longer they go all the same.
_MOST_HELD_UP_S = 1.0


class TriggerSaves:
    """What the last run left of the triggers, and what this one leaves.

    The next run's triggers pass over what they have seen of its first windows, which hold some
    seconds behind the last one that was sent; so what is on disk must have seen as much. A second
    may hold minutes of data where a backlog is caught up with: windows then wait for the disk. So
    does the first window of a sensor.

    For the event loop's thread; a thread of its own writes.
    """

    def __init__(
        self,
        file: TriggerFile,
        bank: TriggerBank,
        *,
        overlap: int,
        on_failure: Callable[[OSError], object],
    ) -> None:
        """Have the triggers go on from where the last run's were; see ``TriggerBank.resume``.

        Args:
            file: theirs.
            bank: these triggers, still without data.
            overlap: samples that two windows share, one behind the other.
            on_failure: told why a write failed that windows waited for.
        """
        self._file, self._bank, self._on_failure = file, bank, on_failure
        self._most_behind = min(_MOST_BEHIND, overlap // 2)
        bank.resume(file.load())
        self._written = bank.reached
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="umamba-triggers")
        self._writing: asyncio.Future[OSError | None] | None = None
        self._hangs = False

    async def keep_up(self, windows: Sequence[Window]) -> None:
        """Wait until windows that the triggers have seen may go: a kill then changes no onset."""
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + _MOST_HELD_UP_S
        while not self._hangs and any(map(self._is_missing, windows)):
            is_own = self._writing is None
            writing = self._writing or self._begin()
            done, _ = await asyncio.wait({writing}, timeout=max(0.0, ends_s - loop.time()))
            self._hangs = not done
            if done and (error := writing.result()):
                self._on_failure(error)
            if is_own:  # it has all of these windows, were they minutes of one sensor
                return

    async def save(self) -> None:
        """Write where the triggers are.

        Raises:
            OSError: it cannot be written.
        """
        if self._writing:
            await asyncio.wait({self._writing})
        writing = self._writing or self._begin()
        await asyncio.wait({writing})
        if error := writing.result():
            raise error

    def close(self) -> None:
        """Wait for what is being written."""
        self._disk.shutdown()

    def _is_missing(self, window: Window) -> bool:
        """Whether what is on disk has nothing of its sensor, is far behind, or of the future."""
        if window.revision or not self._bank.is_on:  # that went out before
            return False
        if window.group not in self._written:
            return True
        seen, stop = self._written[window.group], _stop(window)
        return seen is not None and not stop - self._most_behind <= seen <= stop + MOST_AHEAD

    def _begin(self) -> asyncio.Future[OSError | None]:
        """Write the triggers as they are; what cannot be written counts as written for 10 s."""
        loop = asyncio.get_running_loop()
        reached = self._bank.reached
        self._writing = loop.run_in_executor(self._disk, self._write, self._bank.saved)

        def note(_: object) -> None:
            self._written, self._writing, self._hangs = reached, None, False

        self._writing.add_done_callback(note)
        return self._writing

    def _write(self, saved: SavedTriggers | None) -> OSError | None:
        try:
            if saved is not None:
                self._file.save(saved)
        except OSError as error:
            return error
        return None


def _stop(window: Window) -> int:
    return window.first + int(window.samples.shape[1])

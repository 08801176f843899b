"""The tasks that read the servers; one may end or begin while the others go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from umamba_rt.io.seedlink import SeedLinkReader

_CANCEL_AGAIN_S = 0.2


async def cancel(tasks: Sequence[asyncio.Future[Any]]) -> None:
    """Cancel tasks until each has ended.

    Once is not enough: before Python 3.12 ``asyncio.wait_for``, which the SeedLink client waits
    with, swallows a cancellation that comes in the same turn as its data.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_S)


class ReaderTasks:
    """A task for each reader of a list, which is kept in step with it."""

    def __init__(
        self,
        readers: list[SeedLinkReader],
        read: Callable[[SeedLinkReader], Coroutine[Any, Any, None]],
    ) -> None:
        """Prepare; nothing is read before ``run``.

        Args:
            readers: who reads; others look at the same list.
            read: reads for ever.
        """
        self._readers, self._read = readers, read
        self._tasks: dict[SeedLinkReader, asyncio.Task[None]] = {}
        self._leaving: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Read until cancelled; what ends a reader is raised. ``end`` must follow."""
        self._begin(self._readers)
        while True:
            self._changed.clear()
            waits = [asyncio.ensure_future(self._changed.wait()), *self._tasks.values()]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waits[0].cancel()
            for task in self._tasks.values():
                if task.done():
                    task.result()
                    raise RuntimeError("a reader ended, and nobody had asked it to")

    async def end(self) -> None:
        """End all readers.

        Not at the end of ``run``: who cancels that once more would cancel this, too.
        """
        await cancel([*self._tasks.values(), *self._leaving])

    async def exchange(self, old: Sequence[SeedLinkReader], new: Sequence[SeedLinkReader]) -> None:
        """End some readers, each behind a packet that is wholly taken in, and begin others."""
        self._leaving = ending = [self._tasks.pop(reader) for reader in old]
        self._changed.set()
        for reader, task in zip(old, ending, strict=True):
            reader.leave()
            while not task.done():
                if not reader.has_handed_out:
                    task.cancel()
                await asyncio.wait([task], timeout=_CANCEL_AGAIN_S)
        self._begin(new)

    def _begin(self, readers: Sequence[SeedLinkReader]) -> None:
        for reader in readers:
            self._tasks[reader] = asyncio.create_task(self._read(reader))
        self._changed.set()

"""An exception inside of SeisBench's pipeline, brought to whoever called ``annotate``.

SeisBench 0.12 runs each stage in a task that ends its queue; of a stage that raises, the next
waits for ever (seisbench/seisbench issue 405 is such a case).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

_T = TypeVar("_T")

# Tasks and threads that are started inside of ``unless_failed`` see their caller's future.
_FAILED: ContextVar[asyncio.Future[None] | None] = ContextVar("failed", default=None)


@contextmanager
def told() -> Iterator[None]:
    """Let an exception of this block end the ``unless_failed`` around it."""
    try:
        yield
    except Exception as error:
        failed = _FAILED.get()
        if failed is not None:
            failed.get_loop().call_soon_threadsafe(_fail, failed, error)
        raise


async def unless_failed(work: Coroutine[object, object, _T]) -> _T:
    """Await ``work``, or raise what a block under ``told`` raised meanwhile."""
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    token = _FAILED.set(failed)
    whole: asyncio.Future[_T] = asyncio.ensure_future(work)
    try:
        either: list[asyncio.Future[_T] | asyncio.Future[None]] = [whole, failed]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            whole.cancel()
            await asyncio.wait([whole])
            failed.result()
        return whole.result()
    finally:
        whole.cancel()
        failed.cancel()
        _FAILED.reset(token)


def _fail(failed: asyncio.Future[None], error: Exception) -> None:
    if not failed.done():
        failed.set_exception(error)

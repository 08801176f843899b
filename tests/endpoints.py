"""Query endpoints that answer while a test goes on, and waiting for what must come."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from umamba_rt.io.query import QueryEndpoint


@contextmanager
def answering(endpoint: QueryEndpoint) -> Iterator[QueryEndpoint]:
    """With its event loop in a thread, until the block ends; then it is closed."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(endpoint.serve())
    thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.wait([task])))
    thread.start()
    try:
        yield endpoint
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.close()
        endpoint.close()


def wait_until(reached: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Return as soon as ``reached``; fails after ``timeout_s``."""
    ends_s = time.monotonic() + timeout_s
    while not reached():
        assert time.monotonic() < ends_s
        time.sleep(0.01)

"""A batch in parts: while one is sent, the next one is computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Sending a window takes half as long as computing it: with few parts the first one is waited for,
# with many each of them costs the engine's threads a pause.
_PARTS = 4
_LEAST = 16


class Ahead:
    """Has a thread of its own for what is computed ahead."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="umamba-ahead")

    def results(
        self, compute: Callable[[Sequence[Item]], Sequence[Result]], items: Sequence[Item]
    ) -> Iterator[Result]:
        """What ``compute`` gives of each item, in their order.

        Of a few items all are computed at once, in the caller's thread. Whatever ``compute``
        raises comes behind the results of the parts before; those behind it are not computed.

        Args:
            compute: gives as many results as it gets items.
            items: of one batch.
        """
        size = max(_LEAST, -(-len(items) // _PARTS))
        if len(items) <= size:
            yield from compute(items)
            return
        parts = (items[first : first + size] for first in range(0, len(items), size))
        waiting = deque(self._pool.submit(compute, part) for part in parts)
        try:
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()

"""Threads that each run a part of a batch, with torch kept to one thread in each."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import torch

# More windows at once only push the maps out of the cache: of 32 windows on two threads, parts of 8
# ran at 699/s (V2) and 421/s (V1), parts of 16 at 661/s and 384/s, parts of 4 at 567/s and 371/s.
_MOST_WINDOWS = 8


def one_torch_thread_each(count: int) -> ThreadPoolExecutor:
    """Start ``count`` threads in which torch's operators do not split further.

    Threads inside of operators gain nothing on maps this small (one window: 4.6 ms with two threads
    and with one), and the idle one spins in libgomp on the core that the scan wants: V2 on two
    cores does 435-460 windows/s that way and 580 with each core on a part of the batch.
    """
    before, started = torch.get_num_threads(), threading.Barrier(count)
    pool = ThreadPoolExecutor(
        count,
        thread_name_prefix="engine",
        initializer=_use_one_torch_thread,
    )
    for future in [pool.submit(started.wait) for _ in range(count)]:
        future.result()
    # set_num_threads also decides for threads that torch has not met yet: put that back.
    torch.set_num_threads(before)
    return pool


def _use_one_torch_thread() -> None:
    torch.set_num_threads(1)
    # A thread's first look at the number takes over the process's latest one: look now, while it
    # is 1, not after it has been put back.
    torch.get_num_threads()


def part_size(windows: int, threads: int) -> int:
    """How many windows one thread takes at a time."""
    return max(1, min(_MOST_WINDOWS, math.ceil(windows / threads)))

"""The process's memory: as little of the heap as it takes, and back what nobody needs again."""

from __future__ import annotations

import asyncio
import ctypes
import mmap
import re
from collections.abc import Iterator
from pathlib import Path

_SMAPS = Path("/proc/self/smaps")
# "7f1000-7f3000 r-xp 00001000 08:01 123    /usr/lib/libc.so.6": private, and not to be written.
_OF_A_FILE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r-.p \S+ \S+ \d+ +/")
_KB = 1024
# Source: glibc's malloc.h.
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_ARENAS = 2
# A window's samples take 36 kB.
_LARGE_BYTES = 32 * 1024


def keep_heap_together() -> bool:
    """Have threads share two heaps, without the windows; False where libc has no such settings.

    By itself it gives each thread a heap, up to eight a core, and each keeps what the largest
    backlog left free in it: with 100 stations 179 MiB instead of 211 in all, at the same processor
    time. And it takes windows from these heaps as soon as it has seen one freed; what is small and
    stays comes to lie between them. As maps of their own they go wholly.
    To be called before there are threads; a heap that is there stays.

    Source: mallopt(3), which is glibc's in this.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    options = (_M_ARENA_MAX, _ARENAS), (_M_MMAP_THRESHOLD, _LARGE_BYTES)
    return set_option is not None and all(set_option(*option) == 1 for option in options)


def give_back() -> None:
    """Have the system take back what is free, and what is in a file, too.

    Making the models' graphs leaves 7 MB of the heap, and compiling their kernels most of LLVM's
    code. To be called once that is done, and where no other thread may load a library.
    """
    trim_heap()
    let_go_of_files()


def trim_heap() -> bool:
    """Have the C library return what was freed; False where it returned nothing.

    Source: malloc_trim(3), which is glibc's alone.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))


async def trim_regularly(pause_s: float) -> None:
    """Trim the heap, from a thread, until cancelled.

    It takes 2 to 20 ms, in which other threads may wait for memory.

    Args:
        pause_s: between two times.
    """
    while True:
        await asyncio.sleep(pause_s)
        await asyncio.to_thread(trim_heap)


def let_go_of_files() -> int:
    """Unmap the pages of libraries that are as in their file; gives how many bytes these were.

    What is used again comes again from the kernel's cache of the file, 64 kB in a microsecond or
    two. What the system keeps, as it does locked memory, stays. Does nothing where there is no
    /proc/self/smaps.

    Source: proc_pid_smaps(5); madvise(2), MADV_DONTNEED.
    """
    if not _SMAPS.exists():
        return 0
    libc = ctypes.CDLL(None)
    libc.madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    total = 0
    for begin, end, resident in list(_unchanged(_SMAPS.read_text(encoding="utf-8"))):
        if libc.madvise(begin, end - begin, mmap.MADV_DONTNEED) == 0:
            total += resident
    return total


def _unchanged(smaps: str) -> Iterator[tuple[int, int, int]]:
    """Begin, end and resident bytes of what is mapped of files, without what has pages of its own.

    A library's relocated tables have: they would be read anew from the file, and be wrong.
    """
    for block in re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", smaps):
        match = _OF_A_FILE.match(block)
        kb = {
            name: int(size) for name, size in re.findall(r"^(\w+): +(\d+) kB$", block, re.MULTILINE)
        }
        # Where the kernel does not say that there are none, there may be some.
        if match and kb.get("Rss") and kb.get("Anonymous") == 0 and not kb.get("Swap"):
            yield int(match[1], 16), int(match[2], 16), kb["Rss"] * _KB

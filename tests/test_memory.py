"""memory.py: in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

_RESIDENT = """
from pathlib import Path
from umamba_rt.memory import give_back, let_go_of_files, trim_heap

def resident_kb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])
"""
_FREED = """
kept = []
freed = []
for _ in range(2000):  # less than what malloc maps by itself, and a small one between each two
    freed.append(bytearray(20_000))
    kept.append(bytearray(600))
freed.clear()
before = resident_kb()
"""
_TRIMMED = """
print(trim_heap(), before - resident_kb() > 10_000)
"""
_TRIMMED_REGULARLY = """
import asyncio
from umamba_rt.memory import trim_regularly

async def until_it_is_back():
    trimming = asyncio.create_task(trim_regularly(0.01))
    async with asyncio.timeout(30):
        while before - resident_kb() <= 10_000:
            await asyncio.sleep(0.01)
    print(trimming.done())

asyncio.run(until_it_is_back())
"""
_COMPILED = """
import numpy as np
from umamba_rt.engine.call_table import CallTable, copy_call

read, written = np.arange(1000), np.zeros(1000, int)
table = CallTable([copy_call(written.ctypes.data, read.ctypes.data, read.nbytes)])
before = resident_kb()
print(let_go_of_files() > 30_000_000, before - resident_kb() > 30_000)
give_back()
print(table.run(0, 1) == 0 and (written == read).all())
# LLVM's code and BLAS come again from their files.
another = CallTable([copy_call(read.ctypes.data, written.ctypes.data, read.nbytes)])
square = np.random.default_rng(0).normal(size=(200, 200))
print(np.allclose(square @ np.linalg.inv(square), np.eye(200)))
"""


_HEAPS = """
import ctypes, sys, threading
from umamba_rt.memory import keep_heap_together

def heaps():
    libc = ctypes.CDLL(None)
    libc.fflush(None)
    libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
    libc.fflush(None)

if sys.argv[1:]:
    assert keep_heap_together()
together = threading.Barrier(7)
def keep():
    kept = bytearray(10_000)
    together.wait()
    together.wait()
threads = [threading.Thread(target=keep) for _ in range(6)]
for thread in threads:
    thread.start()
together.wait()
heaps()
together.wait()
"""


def said_by(script: str, *words: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _RESIDENT + script, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_what_was_freed_goes_back_to_the_system() -> None:
    assert said_by(_FREED + _TRIMMED) == ["True", "True"]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_what_was_freed_goes_back_in_its_time() -> None:
    assert said_by(_FREED + _TRIMMED_REGULARLY) == ["False"]


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs /proc/self/smaps")
def test_libraries_go_and_come_again_from_their_files() -> None:
    assert said_by(_COMPILED) == ["True"] * 4


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_threads_share_two_heaps() -> None:
    """glibc's own count of them; without the setting each thread has one, up to eight a core."""
    assert said_by(_HEAPS, "together").count("<heap") == 2
    assert said_by(_HEAPS).count("<heap") > 2

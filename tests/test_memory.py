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
print(trim_heap(), before - resident_kb() > 10_000)
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


def said_by(script: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _RESIDENT + script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_what_was_freed_goes_back_to_the_system() -> None:
    assert said_by(_FREED) == ["True", "True"]


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs /proc/self/smaps")
def test_libraries_go_and_come_again_from_their_files() -> None:
    assert said_by(_COMPILED) == ["True"] * 4

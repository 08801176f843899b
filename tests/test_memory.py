"""memory.py: in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_SCRIPT = """
from pathlib import Path
from umamba_rt.memory import give_back

def resident_kb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])

kept = []
freed = []
for _ in range(2000):  # less than what malloc maps by itself, and a small one between each two
    freed.append(bytearray(20_000))
    kept.append(bytearray(600))
freed.clear()
before = resident_kb()
print(give_back(), before - resident_kb() > 10_000)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_what_was_freed_goes_back_to_the_system() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "True"]

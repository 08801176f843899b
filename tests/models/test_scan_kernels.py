"""models/scan_kernels.py: the power of two, and where compiled code is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np

from umamba_rt.models import scan_kernels


def test_power_of_two_is_exact_to_1e_11_over_its_range() -> None:
    @numba.njit
    def over(x: np.ndarray, y: np.ndarray) -> None:
        for i in range(x.size):
            y[i] = scan_kernels._exp2(x[i])

    x = np.concatenate([np.linspace(-1022, 1023, 200_001), np.linspace(-1, 1, 20_001), [-1e-30]])
    y = np.empty_like(x)
    over(x, y)
    exact = np.exp2(x)
    assert np.max(np.abs(y - exact) / exact) < 1e-11
    edges = np.array([np.nan, -np.inf, -1e30, np.inf])
    y = np.empty_like(edges)
    over(edges, y)
    assert np.isnan(y[0])
    assert (y[1:3] < 1e-307).all()
    assert y[3] > 1e307


_RUN = """
import numpy as np
from umamba_rt.models import scan_kernels
kernel = scan_kernels.forward_kernel()
cube = np.ones((1, 1, 3), np.float32)
y = np.zeros_like(cube)
state = np.zeros((1, 3, 1), np.float32)
kernel(cube, cube, -np.ones((1, 1), np.float32), state, state, np.ones(1, np.float32), y, 0, 1)
assert (y == 1).all()
print(sum(kernel.stats.cache_hits.values()), scan_kernels.backward_kernel.cache_info().currsize)
"""


def _run(**environment: str) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", _RUN],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    return [int(word) for word in done.stdout.split()]


def test_second_process_takes_the_kernel_from_the_cache_and_no_backward(tmp_path: Path) -> None:
    _run(NUMBA_CACHE_DIR=str(tmp_path))
    assert list(tmp_path.rglob("*.nbi"))
    assert _run(NUMBA_CACHE_DIR=str(tmp_path)) == [1, 0]


def test_kernel_works_where_no_cache_can_be_kept(tmp_path: Path) -> None:
    # A file where a directory should be: numba can make a cache directory nowhere.
    block = tmp_path / "file"
    block.touch()
    code = "import numba.core.caching as c; c.CacheImpl._locator_classes = []\n" + _RUN.replace(
        "kernel.stats.cache_hits.values()", "[]"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(block), "HOME": str(block)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)

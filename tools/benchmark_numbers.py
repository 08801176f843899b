"""Medians and spreads over turns, and what the machine is."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over its repetitions.

    Attributes:
        median: the middle one.
        least: the least.
        most: the greatest.
        count: how many there were.
    """

    median: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Of the values of all repetitions."""
        return cls(median(values), min(values), max(values), len(values))

    def scaled(self, factor: float) -> Spread:
        """In another unit."""
        return Spread(self.median * factor, self.least * factor, self.most * factor, self.count)

    def reciprocal(self, count: float) -> Spread:
        """From a rate to the time that ``count`` take."""
        return Spread(count / self.median, count / self.most, count / self.least, self.count)

    def __str__(self) -> str:
        digits = 0 if self.median >= 100 else 1 if self.median >= 10 else 2
        least, most = f"{self.least:.{digits}f}", f"{self.most:.{digits}f}"
        return f"{self.median:.{digits}f} ({least} to {most})"


def alternate(contenders: Mapping[str, Callable[[], int]], repetitions: int) -> dict[str, Spread]:
    """Work a second of each contender, by turns, so that a busy neighbour strikes all alike.

    Args:
        contenders: each does its work and says how much that was.
        repetitions: turns; one more before is not counted.

    Returns:
        How much each does in a second.
    """
    for work in contenders.values():
        work()
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repetitions):
        for name, work in contenders.items():
            begun_s = time.perf_counter()
            done = work()
            rates[name].append(done / (time.perf_counter() - begun_s))
    return {name: Spread.of(found) for name, found in rates.items()}


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    import numpy as np
    import torch

    facts = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    found = dict(line.split(":", 1) for line in facts.splitlines() if ":" in line)
    names = {key.strip(): value.strip() for key, value in found.items()}
    flags = set(names.get("flags", "").split())
    sets = [flag for flag in ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    return {
        "processor": names.get("model name", platform.machine()),
        "cores": str(len(os.sched_getaffinity(0))),
        "instructions": " ".join(sets),
        "load before": f"{os.getloadavg()[0]:.1f}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }

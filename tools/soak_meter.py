"""A process's memory and descriptors while it is disturbed, and whether they stay as they were."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from tools.soak_processes import Process

MAX_SLOPE_MB_PER_H = 1.0
MAX_MORE_DESCRIPTORS = 2
_SAMPLE_S = 1.0
# Of a shorter life no slope is told.
_LEAST_S = 300.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a process: when, s; which; its resident memory, MB; its descriptors."""

    time_s: float
    pid: int
    rss_mb: float
    descriptors: int


class Meter(threading.Thread):
    """Looks at a process once a second, over its restarts."""

    def __init__(self, process: Process) -> None:
        super().__init__(daemon=True)
        self.samples: list[Sample] = []
        self._process = process
        self._ending = threading.Event()

    def run(self) -> None:
        """Measure until ``end``."""
        while not self._ending.wait(_SAMPLE_S):
            pid = self._process.pid
            try:
                status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
                descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            except OSError:
                continue  # between two of its lives
            rss = [line for line in status.splitlines() if line.startswith("VmRSS:")]
            if rss:
                rss_mb = int(rss[0].split()[1]) / 1024
                self.samples.append(Sample(time.monotonic(), pid, rss_mb, descriptors))

    def end(self) -> None:
        """Stop."""
        self._ending.set()
        self.join()

    def longest_life(self) -> list[Sample]:
        """The samples of the process that lived longest, without its first third.

        Memory settles in it: to the longest queue behind a fault, 0.8 MB in the first two minutes.
        """
        lives: dict[int, list[Sample]] = {}
        for sample in self.samples:
            lives.setdefault(sample.pid, []).append(sample)
        life = max(lives.values(), key=len, default=[])
        return life[len(life) // 3 :]

    def figures(self, speed: float) -> dict[str, object]:
        """What the longest life shows, for a report; nulls where it was too short.

        Args:
            speed: archive seconds a second.
        """
        life = self.longest_life()
        length_s = life[-1].time_s - life[0].time_s if life else 0.0
        if length_s < _LEAST_S:
            names = ("life_s", "rss_mb", "rss_slope_mb_per_archive_h", "descriptors")
            return dict.fromkeys(names)
        hours = [(one.time_s - life[0].time_s) * speed / 3600 for one in life]
        slope = float(np.polyfit(hours, [one.rss_mb for one in life], 1)[0])
        middle = len(life) // 2
        return {
            "life_s": round(length_s),
            "rss_mb": [round(f(one.rss_mb for one in life), 1) for f in (min, max)],
            "rss_slope_mb_per_archive_h": round(slope, 3),
            "descriptors": [
                max(one.descriptors for one in half) for half in (life[:middle], life[middle:])
            ],
        }


def is_flat(figures: dict[str, object]) -> bool:
    """Whether memory and descriptors stayed, as far as the life was long enough to tell."""
    slope, halves = figures["rss_slope_mb_per_archive_h"], figures["descriptors"]
    if not isinstance(slope, float) or not isinstance(halves, list):
        return True
    return slope < MAX_SLOPE_MB_PER_H and halves[1] <= halves[0] + MAX_MORE_DESCRIPTORS

"""A process's memory and descriptors while it is disturbed, and whether they stay as they were."""

from __future__ import annotations

import re
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from scipy.stats import theilslopes

from tools.soak_processes import Process

MAX_SLOPE_MB_PER_H = 1.0
MAX_MORE_DESCRIPTORS = 2
_SAMPLE_S = 1.0
_SIZES = re.compile(r"^(VmRSS|RssAnon):\s+(\d+) kB$", re.MULTILINE)
# Of a shorter life no slope is told.
_LEAST_S = 300.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a process.

    Attributes:
        time_s: when.
        pid: which.
        rss_mb: its resident memory, MiB.
        children_mb: that of the processes that it has begun, MiB.
        own_mb: what of both is in no file, MiB: libraries come in page by page as they are used.
        descriptors: files that all of them have open.
    """

    time_s: float
    pid: int
    rss_mb: float
    children_mb: float
    own_mb: float
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
            if (sample := look_at(self._process.pid)) is not None:
                self.samples.append(sample)

    def end(self) -> None:
        """Stop."""
        self._ending.set()
        self.join()

    def longest_life(self) -> list[Sample]:
        """The samples of the process that lived longest, without its first third.

        Memory settles in it: to the longest queue behind a fault.
        """
        lives: dict[int, list[Sample]] = {}
        for sample in self.samples:
            lives.setdefault(sample.pid, []).append(sample)
        life = max(lives.values(), key=len, default=[])
        return life[len(life) // 3 :]

    def figures(self, speed: float, pass_s: float) -> dict[str, object]:
        """What the longest life shows, for a report; nulls where it was too short.

        Args:
            speed: archive seconds a second.
            pass_s: how long the archive takes until it repeats itself, by the wall clock, s.
        """
        life = self.longest_life()
        length_s = life[-1].time_s - life[0].time_s if life else 0.0
        if length_s < _LEAST_S:
            names = ("measured_s", "rss_mb", "children_rss_mb", "rss_medians_mb", "descriptors")
            return dict.fromkeys(
                (*names, "rss_slope_mb_per_archive_h", "own_slope_mb_per_archive_h")
            )
        passes = max(2, int(length_s / pass_s))
        life = [one for one in life if one.time_s >= life[-1].time_s - passes * pass_s]
        hours = [(one.time_s - life[0].time_s) * speed / 3600 for one in life]
        rss, children = [one.rss_mb for one in life], [one.children_mb for one in life]
        total = list(map(sum, zip(rss, children, strict=True)))
        middle = len(life) // 2
        return {
            "measured_s": round(life[-1].time_s - life[0].time_s),
            "rss_mb": [round(f(rss), 1) for f in (min, max)],
            "children_rss_mb": [round(f(children), 1) for f in (min, max)],
            "rss_medians_mb": [round(middle, 1) for middle in _medians(total, passes)],
            "rss_slope_mb_per_archive_h": _slope(hours, total, passes),
            "own_slope_mb_per_archive_h": _slope(hours, [one.own_mb for one in life], passes),
            "descriptors": [
                max(one.descriptors for one in half) for half in (life[:middle], life[middle:])
            ],
        }


def look_at(pid: int) -> Sample | None:
    """A process and its children now; None where it or one of them has just ended."""
    sizes = []
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        for one in (pid, *children):
            status = Path(f"/proc/{one}/status").read_text(encoding="ascii")
            mb = {name: int(kb) / 1024 for name, kb in _SIZES.findall(status)}
            descriptors = len(list(Path(f"/proc/{one}/fd").iterdir()))
            sizes.append((mb["VmRSS"], mb["RssAnon"], descriptors))
    except (OSError, KeyError):  # one that is dead has no sizes
        return None
    all_mb, own_mb, descriptors = map(sum, zip(*sizes, strict=True))
    its_mb = sizes[0][0]
    return Sample(time.monotonic(), pid, its_mb, all_mb - its_mb, own_mb, descriptors)


def _medians(sizes: list[float], passes: int) -> list[float]:
    """The middle of each pass: what a backlog holds for a while is no leak.

    And what is not under way while the server is down, 15 MB, is none that has been mended. Of
    whole passes: the earthquakes of one minute hold 4 MB more than those of another.
    """
    return [float(np.median(part)) for part in np.array_split(sizes, passes)]


def _slope(hours: list[float], sizes: list[float], passes: int) -> float:
    """Of the medians, by Theil and Sen, who are not led by a part that differs."""
    middles = [float(np.mean(part)) for part in np.array_split(hours, passes)]
    return round(float(theilslopes(_medians(sizes, passes), middles).slope), 3)


def is_flat(figures: dict[str, object]) -> bool | None:
    """Whether memory and descriptors stayed; None where the life was too short to tell."""
    slope, halves = figures["rss_slope_mb_per_archive_h"], figures["descriptors"]
    if not isinstance(slope, float) or not isinstance(halves, list):
        return None
    return slope < MAX_SLOPE_MB_PER_H and halves[1] <= halves[0] + MAX_MORE_DESCRIPTORS

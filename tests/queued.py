"""Windows that stand in a queue, for the tests of the queue and of the worker."""

from __future__ import annotations

import time

import numpy as np

from umamba_rt.core.ids import GroupId
from umamba_rt.core.quality import Quality
from umamba_rt.core.window import Window
from umamba_rt.window_queue import Task

QUALITY = Quality(0.0, 0, 0.0, False, 1.0, 100.0, "ZNE", True)


def task(station: str, first: int, samples: int = 3001) -> Task:
    rng = np.random.default_rng(first)
    data = rng.normal(0, 100, (3, samples)).astype(np.float32)
    window = Window(GroupId("AA", station, "", "HH"), first * 100, data, QUALITY, 0)
    return Task(window, time.monotonic_ns())

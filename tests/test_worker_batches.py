"""worker.py: how many windows a slow model is given at once."""

from __future__ import annotations

import math
import time

import pytest

from tests.queued import task
from tests.test_worker import unfailing
from umamba_rt.core.estimate import BatchOutput
from umamba_rt.core.preprocess import ModelInput
from umamba_rt.engine.torch_engine import TorchEngine
from umamba_rt.models.seeded import untrained
from umamba_rt.window_queue import WindowQueue


class Slow(TorchEngine):
    """So slow a model that a full batch takes longer than a window may wait."""

    def run(self, batch: ModelInput) -> BatchOutput:
        time.sleep(0.02 * len(batch.samples))
        return super().run(batch)


@pytest.mark.parametrize("max_age_s", [1.0, math.inf])
def test_slow_model_gets_small_batches_live_and_whole_ones_in_a_replay(max_age_s: float) -> None:
    queue, sent = WindowQueue(size=100, max_age_s=max_age_s), list[str]()
    worker = unfailing([Slow(untrained("v2", 0))], queue, sent, batch=32)
    for n in range(70):
        queue.put(task(f"S{n}", 1))
    sizes: list[int] = []
    while worker._turn():
        sizes.append(len(sent) - sum(sizes))
    assert sum(sizes) == 70
    first, *later, _ = sizes
    assert first == 32  # its pace is not known yet
    assert all(size < 25 if queue.is_live else size == 32 for size in later)

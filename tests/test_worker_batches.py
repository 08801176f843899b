"""worker.py: which windows are given to a model at once, and what becomes of them."""

from __future__ import annotations

import math

import pytest

from tests.queued import task
from tests.test_worker import unfailing
from umamba_rt import worker as worker_module
from umamba_rt.engine.torch_engine import TorchEngine
from umamba_rt.models.seeded import untrained
from umamba_rt.window_queue import WindowQueue
from umamba_rt.worker import WorkReason


@pytest.mark.parametrize("max_age_s", [60.0, math.inf])
def test_slow_model_gets_small_batches_live_and_whole_ones_in_a_replay(
    max_age_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow is one that is not through with a batch in the time that it may take."""
    monkeypatch.setattr(worker_module, "_BATCH_S", 1e-6)
    queue, sent = WindowQueue(size=100, max_age_s=max_age_s), list[str]()
    worker = unfailing([TorchEngine(untrained("v2", 0))], queue, sent, batch=16)
    for n in range(40):
        queue.put(task(f"S{n}", 1))
    sizes: list[int] = []
    while worker._turn():
        sizes.append(len(sent) - sum(sizes))
    # The pace of the first batch is not known before it.
    assert sizes == ([16] + [1] * 24 if queue.is_live else [16, 16, 8])


def test_batch_of_a_model_whose_weights_are_swapped_meanwhile_counts_and_goes_on() -> None:
    queue, sent = WindowQueue(size=100), list[str]()
    old, new, second = (TorchEngine(untrained(name, 0)) for name in ("v2", "v2", "v1"))
    worker = unfailing([old, second], queue, sent)
    tasks = [task("a", n) for n in range(3)]
    worker.swap([new, second])
    worker._process(old, tasks)
    assert worker.counts[WorkReason.ESTIMATED] == len(worker.backlogs["v1"]) == 3

"""worker.py: the thread with a real engine."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.queued import task
from umamba_rt.core.calibration import COUNTS
from umamba_rt.core.preprocess import prepare
from umamba_rt.engine import load_engine
from umamba_rt.engine.base import Engine
from umamba_rt.errors import ModelError
from umamba_rt.window_queue import WindowQueue
from umamba_rt.wire.message import Magnitude
from umamba_rt.worker import Worker, WorkReason


@pytest.fixture(scope="module")
def engine() -> Engine:
    made = load_engine(None, name="v2")
    made.warm_up()
    return made


def test_every_queued_window_is_estimated_before_the_end(engine: Engine) -> None:
    sent: list[tuple[Magnitude, int]] = []
    queue = WindowQueue(size=100)
    tasks = [task("a", n) for n in range(5)] + [task("b", n) for n in range(5)]
    for one in tasks:
        queue.put(one)
    worker = Worker(
        [engine],
        queue,
        lambda message, arrived_ns: sent.append((message, arrived_ns)) or 0.0,  # type: ignore[func-returns-value]
        batch_size=4,
        on_failure=lambda error: pytest.fail(str(error)),
    )
    worker.start()
    assert worker.stop(60.0)
    samples = np.stack([one.window.samples for one in tasks])
    raw = prepare(samples, [COUNTS] * len(tasks), "std", amplitude=False)
    expected = engine.run(raw).magnitude
    got = [message.magnitude for message, _ in sent]
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert [arrived for _, arrived in sent] == [one.arrived_ns for one in tasks]
    assert worker.counts[WorkReason.ESTIMATED] == worker.counts[WorkReason.SENT] == 10


def test_stop_without_time_to_drain_sends_nothing_more(engine: Engine) -> None:
    sent: list[Magnitude] = []
    queue = WindowQueue(size=1000)
    for n in range(300):
        queue.put(task("a", n))
    worker = Worker(
        [engine],
        queue,
        lambda message, _: sent.append(message) or 0.0,  # type: ignore[func-returns-value]
        batch_size=4,
        on_failure=lambda error: pytest.fail(str(error)),
    )
    worker.start()
    assert not worker.stop(0.0)
    after = len(sent)
    assert after < 300
    assert len(queue) > 0


def test_window_of_another_length_is_our_bug_and_ends_the_thread(engine: Engine) -> None:
    failures: list[ModelError] = []
    failed = threading.Event()
    queue = WindowQueue(size=10)
    queue.put(task("a", 1, samples=500))

    def fail(error: ModelError) -> None:
        failures.append(error)
        failed.set()

    worker = Worker([engine], queue, lambda *_: 0.0, batch_size=4, on_failure=fail)
    worker.start()
    assert failed.wait(30)
    assert "500" in str(failures[0])
    assert worker.stop(10)


def test_estimate_that_is_no_number_is_counted_not_sent(engine: Engine) -> None:
    sent: list[Magnitude] = []
    queue = WindowQueue(size=10)
    bad = task("a", 1)
    bad.window.samples[:] = np.inf
    with np.errstate(invalid="ignore"):
        queue.put(bad)
        queue.put(task("b", 2))
        worker = Worker(
            [engine],
            queue,
            lambda message, _: sent.append(message) or 0.0,  # type: ignore[func-returns-value]
            batch_size=4,
            on_failure=lambda error: pytest.fail(str(error)),
        )
        worker._process(queue.take(4, 0))
    assert [message.station.station for message in sent] == ["b"]
    assert worker.counts[WorkReason.NOT_FINITE] == 1

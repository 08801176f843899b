"""worker.py: the thread with a real engine."""

from __future__ import annotations

import math
import threading
import time

import numpy as np
import pytest

from tests.queued import task
from umamba_rt.core.calibration import COUNTS
from umamba_rt.core.preprocess import prepare
from umamba_rt.core.uncertainty import ErrorModel
from umamba_rt.engine import load_engine
from umamba_rt.engine.base import Engine
from umamba_rt.engine.torch_engine import TorchEngine
from umamba_rt.errors import ModelError
from umamba_rt.models.seeded import untrained
from umamba_rt.window_queue import Task, WindowQueue
from umamba_rt.wire.message import Magnitude
from umamba_rt.worker import Worker, WorkReason, estimates


@pytest.fixture(scope="module")
def engine() -> Engine:
    made = load_engine(None, name="v2")
    made.warm_up()
    return made


def collecting(engine: Engine, queue: WindowQueue, sent: list[Magnitude], *, batch: int) -> Worker:
    """A worker that must not fail and keeps what it sends."""
    return Worker(
        [engine],
        queue,
        lambda message, _: sent.append(message) or 0.0,  # type: ignore[func-returns-value]
        batch_size=batch,
        on_failure=lambda error: pytest.fail(str(error)),
    )


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
    worker = collecting(engine, queue, sent, batch=4)
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
        worker = collecting(engine, queue, sent, batch=4)
        assert worker._turn()
    assert [message.station.station for message in sent] == ["b"]
    assert worker.counts[WorkReason.NOT_FINITE] == 1


def test_large_batch_is_sent_whole_and_in_its_order(engine: Engine) -> None:
    sent: list[Magnitude] = []
    queue = WindowQueue(size=100)
    tasks = [task("a", n) for n in range(50)]
    for one in tasks:
        queue.put(one)
    worker = collecting(engine, queue, sent, batch=64)
    assert worker._turn()
    whole = estimates(engine, [one.window for one in tasks])
    expected = [one.magnitude for one in whole if one is not None]
    np.testing.assert_allclose([one.magnitude for one in sent], expected, atol=1e-5)
    assert [one.window_start for one in sent] == [one.window_start for one in whole if one]


def test_failure_in_a_large_batch_costs_none_of_those_before(engine: Engine) -> None:
    sent: list[Magnitude] = []
    queue = WindowQueue(size=100)
    for n in range(50):
        queue.put(task("a", n, samples=500) if n == 40 else task("a", n))
    worker = collecting(engine, queue, sent, batch=64)
    with pytest.raises(ValueError, match="same shape"):
        worker._turn()
    assert len(sent) + worker.unfinished == 50
    assert len(sent) >= 32


@pytest.fixture(scope="module")
def both(engine: Engine) -> list[Engine]:
    return [engine, load_engine(None, name="v1")]


def unfailing(
    engines: list[Engine],
    queue: WindowQueue,
    sent: list[str],
    batch: int = 4,
    backlog_age_s: float | None = None,
) -> Worker:
    """A worker that notes what it sends as ``v1 STATION SECOND``."""

    def note(message: Magnitude, _arrived_ns: int) -> float:
        second = int(message.window_start[17:19])
        sent.append(f"{message.model.name} {message.station.station} {second}")
        return 0.0

    return Worker(
        engines,
        queue,
        note,
        batch_size=batch,
        backlog_age_s=backlog_age_s,
        on_failure=lambda error: pytest.fail(str(error)),
    )


def aged(station: str, second: int, age_s: float) -> Task:
    """A window that came so long ago."""
    return Task(task(station, second).window, time.monotonic_ns() - round(age_s * 1e9))


def test_second_model_runs_only_while_no_window_waits_for_the_first(both: list[Engine]) -> None:
    sent: list[str] = []
    queue = WindowQueue(size=100, max_age_s=60.0)
    worker = unfailing(both, queue, sent)
    for second in range(12):
        queue.put(aged("a", second, 1.0))
    for _ in range(4):
        assert worker._turn()
    # Three batches of four, then a piece of eight; a window that comes now is before the rest.
    assert sent[:12] == [f"v2 a {second}" for second in range(12)]
    assert sent[12:] == [f"v1 a {second}" for second in range(8)]
    queue.put(aged("b", 30, 1.0))
    assert worker._turn()
    assert sent[20:] == ["v2 b 30"]
    assert worker._turn()
    assert sent[21:] == ["v1 b 30", *(f"v1 a {second}" for second in range(8, 12))]
    assert not worker._turn()


def test_second_model_runs_while_windows_gather_that_are_young_enough(both: list[Engine]) -> None:
    sent: list[str] = []
    queue = WindowQueue(size=100, max_age_s=60.0)
    worker = unfailing(both, queue, sent)
    queue.put(aged("a", 1, 1.0))
    assert worker._turn()
    for station in "bc":
        queue.put(aged(station, 2, -60.0))  # younger than the pause at which it would be taken
    for _ in range(2):
        assert worker._turn()
    assert sent == ["v2 a 1", "v1 a 1", "v2 b 2", "v2 c 2"]


def test_second_model_drops_by_itself_what_it_has_no_time_for(both: list[Engine]) -> None:
    sent: list[str] = []
    queue = WindowQueue(size=6, max_age_s=60.0)
    worker = unfailing(both, queue, sent)
    for second in range(12):
        queue.put(aged("a", second, 1.0))
        queue.put(aged("b", second, 1.0))
        assert worker._turn()
    while worker._turn():
        pass
    of_v1 = [one[3:] for one in sent if one.startswith("v1")]
    assert len(sent) - len(of_v1) == 24
    assert queue.dropped == 0
    assert len(of_v1) == 6
    assert {"a 11", "b 11"} <= set(of_v1)
    assert worker.backlogs["v1"].dropped == 18


def test_replay_drops_nothing_for_the_second_model_either(both: list[Engine]) -> None:
    sent: list[str] = []
    queue = WindowQueue(size=6)
    worker = unfailing(both, queue, sent)
    for second in range(20):
        queue.put(task("a", second))
        while len(queue) == queue.size:
            worker._turn()
    worker.start()
    assert worker.stop(60.0)
    assert [one for one in sent if one.startswith("v1")] == [f"v1 a {n}" for n in range(20)]
    assert worker.backlogs["v1"].dropped == queue.dropped == 0


def test_backlog_may_grow_older_than_the_queue_live_and_without_bounds_in_a_replay(
    both: list[Engine],
) -> None:
    for max_age_s, dropped in ((1.0, 1), (math.inf, 0)):
        sent: list[str] = []
        queue = WindowQueue(size=100, max_age_s=max_age_s)
        worker = unfailing(both, queue, sent, backlog_age_s=5.0)
        backlog = worker.backlogs["v1"]
        for station, age_s in (("a", 4.0), ("a", 3.0), ("b", 6.0), ("b", 3.0)):
            backlog.put(aged(station, 1, age_s))
        while worker._turn():
            pass
        assert backlog.dropped == dropped
        assert len(sent) == 4 - dropped


def test_overloaded_second_model_takes_turns_and_the_newest(both: list[Engine]) -> None:
    sent: list[str] = []
    queue = WindowQueue(size=100, max_age_s=2.0)
    worker = unfailing(both, queue, sent, batch=100)
    for second in range(4):
        for station in "abcdefghij":
            queue.put(aged(station, second, 0.0))
    worker._turn()
    backlog = worker.backlogs["v1"]
    aged_ns = time.monotonic_ns() - 3 * 10**9
    for one in backlog.take(100, 0.0):
        backlog.put(Task(one.window, aged_ns))
    while worker._turn():
        pass
    assert sent[40:] == [f"v1 {station} 3" for station in "abcdefghij"]
    assert backlog.dropped == 30


def test_weights_that_know_their_errors_state_an_uncertainty(engine: Engine) -> None:
    model, law = untrained("v2", 0), ErrorModel((-0.5, 0.4, 0.3, 0.1, 0.0, 0.2, 0.3, 0.7))
    windows = [task("a", n).window for n in range(3)]
    assert {message and message.uncertainty for message in estimates(engine, windows)} == {None}
    model.errors = law
    informed = TorchEngine(model)
    found = estimates(informed, windows)
    samples = np.stack([window.samples for window in windows])
    units = [window.calibration for window in windows]
    output = informed.run(prepare(samples, units, informed.norm, amplitude=False))
    expected = law.sigma(samples, output, units)
    stated = [message.uncertainty or 0.0 for message in found if message]
    np.testing.assert_allclose(np.array(stated, np.float32), expected, atol=6e-4)

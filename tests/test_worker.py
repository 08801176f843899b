"""worker.py: the queue's drop rule, and the thread with a real engine."""

from __future__ import annotations

import threading
import time
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.calibration import COUNTS
from umamba_rt.core.ids import GroupId
from umamba_rt.core.preprocess import prepare
from umamba_rt.core.quality import Quality
from umamba_rt.core.window import Window
from umamba_rt.engine import load_engine
from umamba_rt.engine.base import Engine
from umamba_rt.errors import ModelError
from umamba_rt.wire.message import Magnitude
from umamba_rt.worker import Task, WindowQueue, Worker, WorkReason

QUALITY = Quality(0.0, 0, 0.0, False, 1.0, 100.0, "ZNE", True)


def task(station: str, first: int, samples: int = 3001) -> Task:
    rng = np.random.default_rng(first)
    data = rng.normal(0, 100, (3, samples)).astype(np.float32)
    window = Window(GroupId("AA", station, "", "HH"), first * 100, data, QUALITY, 0)
    return Task(window, time.monotonic_ns())


@pytest.fixture(scope="module")
def engine() -> Engine:
    made = load_engine(None, name="v2")
    made.warm_up()
    return made


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.booleans()), max_size=80))
def test_full_queue_keeps_the_newest_of_each_station_and_counts_the_rest(
    steps: list[tuple[str, bool]],
) -> None:
    queue = WindowQueue(size=5)
    newest: dict[str, int] = {}
    put = 0
    taken: dict[str, list[int]] = defaultdict(list)
    for number, (station, also_take) in enumerate(steps):
        queue.put(task(station, number, samples=2))
        put += 1
        newest[station] = number
        assert len(queue) <= 5
        if also_take:
            for one in queue.take(2, 0):
                taken[one.window.group.station].append(one.window.first // 100)
    for one in queue.take(100, 0):
        taken[one.window.group.station].append(one.window.first // 100)
    assert sum(map(len, taken.values())) + queue.dropped == put
    for station, number in newest.items():
        assert taken[station][-1] == number
        assert taken[station] == sorted(taken[station])


def test_window_that_waited_too_long_is_dropped_if_a_newer_one_of_its_station_waits() -> None:
    queue = WindowQueue(size=100, max_age_s=2.0)
    aged_ns = time.monotonic_ns() - 3 * 10**9
    for station, number, arrived_ns in (
        ("a", 1, aged_ns),
        ("b", 1, aged_ns),
        ("a", 2, aged_ns),
        ("a", 3, time.monotonic_ns()),
        ("b", 2, aged_ns),
    ):
        queue.put(Task(task(station, number, samples=2).window, arrived_ns))
    taken = [(one.window.group.station, one.window.first // 100) for one in queue.take(10, 0)]
    assert taken == [("a", 3), ("b", 2)]
    assert queue.dropped == 3


def test_overload_does_not_make_estimates_older_and_older() -> None:
    """Thirteen stations, a window a second each; the model takes ten a second, for five minutes."""
    queue = WindowQueue(size=1024, max_age_s=2.0)
    start_ns = time.monotonic_ns() - 400 * 10**9
    oldest_s = 0.0
    for second in range(300):
        # The queue reads the real clock: the past is moved along instead.
        shift_ns = time.monotonic_ns() - (start_ns + second * 10**9)
        for station in "abcdefghijklm":
            queue.put(Task(task(station, second, samples=2).window, start_ns + second * 10**9))
        queue._max_age_ns = 2.0 * 1e9 + shift_ns
        for one in queue.take(10, 0):
            oldest_s = max(oldest_s, (start_ns + second * 10**9 - one.arrived_ns) / 1e9)
    assert oldest_s <= 4
    assert queue.dropped > 800


def test_taking_waits_for_a_window_and_tells_of_room() -> None:
    told = threading.Event()
    queue = WindowQueue(size=1, on_room=told.set)
    threading.Timer(0.05, lambda: queue.put(task("a", 1, samples=2))).start()
    (one,) = queue.take(1, 10.0)
    assert one.window.first == 100
    assert told.is_set()


def test_empty_queue_gives_nothing_after_its_time() -> None:
    queue = WindowQueue(size=1, on_room=lambda: pytest.fail("there was room all along"))
    assert queue.take(1, 0.01) == []


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

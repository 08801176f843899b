"""supervision.py, and the worker that it has begun anew."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.queued import task
from tests.support import Daemon, free_port, records_of, running_daemon
from tests.test_daemon import config, replay, until, wait_for_feed
from tests.test_ending import slow_weights
from umamba_rt.config.file import parse
from umamba_rt.core.estimate import BatchOutput, ModelIdentity
from umamba_rt.core.preprocess import ModelInput, Norm
from umamba_rt.core.timebase import RATE_HZ
from umamba_rt.daemon import Daemon as LivingDaemon
from umamba_rt.engines import make_engines
from umamba_rt.feed import Subscriber
from umamba_rt.models import UMambaV2
from umamba_rt.supervision import Deaths, Watchdog, feeding_interval_s
from umamba_rt.window_queue import WindowQueue
from umamba_rt.wire.message import Magnitude
from umamba_rt.worker import Worker, WorkReason


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_third_death_within_a_minute_is_one_too_many() -> None:
    clock = Clock()
    deaths = Deaths(clock)
    assert not deaths.too_many()
    clock.now_s += 59
    assert not deaths.too_many()
    clock.now_s += 2  # the first one is 61 s ago
    assert not deaths.too_many()
    clock.now_s += 57
    assert deaths.too_many()
    assert deaths.total == 4


@pytest.mark.parametrize("part", ["service", "reader"])
def test_part_that_ends_by_itself_is_no_good_end(part: str, tmp_path: Path) -> None:
    """After an exit status 0 the service manager would leave it at that."""
    text = config(1, f"ipc://{tmp_path}/feed", more="[state]\nenabled = false\n")
    settings = parse(text, {}, where="test")

    async def end(*_: object) -> None:
        """Nothing, and then no more."""

    daemon = LivingDaemon(settings, make_engines(settings))
    if part == "service":
        daemon._parts.services.append(end)
    else:
        daemon._reads._read = end
    with pytest.raises(RuntimeError, match="ended, and nobody had asked it to"):
        asyncio.run(asyncio.wait_for(daemon.run(), 30))


@pytest.mark.parametrize("hangs", ["loop", "worker", "nothing"])
def test_watchdog_is_fed_only_while_both_turn(hangs: str) -> None:
    clock, fed = Clock(), list[str]()
    watchdog = Watchdog(5.0, monotonic_s=clock, send=fed.append)
    for _ in range(30):
        clock.now_s += 1
        if hangs != "loop":
            watchdog.loop_turned()
        if hangs != "worker":
            watchdog.worker_turned()
    assert fed == (["WATCHDOG=1"] * 6 if hangs == "nothing" else [])


@pytest.mark.parametrize(
    ("environment", "interval_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "20000000"}, 5.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": str(os.getpid())}, 5.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "often"}, None),
    ],
)
def test_interval_is_a_quarter_of_what_systemd_wants(
    environment: dict[str, str], interval_s: float | None
) -> None:
    assert feeding_interval_s(environment) == interval_s


class Failing:
    """An engine that cannot stand batches which hold certain windows; their sample is 13."""

    norm: Norm = "none"
    amplitude_features = False
    in_samples = 3001
    rate_hz = float(RATE_HZ)
    backend = "test"
    errors = None

    def __init__(self, times: int) -> None:
        self.identity = ModelIdentity("v2", "failing", "0" * 64, trained=False)
        self.times = times

    def run(self, batch: ModelInput) -> BatchOutput:
        if self.times and (batch.samples[:, 0, 0] == 13).any():
            self.times -= 1
            raise ValueError("thirteen")
        return BatchOutput(np.ones(len(batch.samples), np.float32), None)

    def warm_up(self) -> None:
        pass


def outlived(times: int) -> tuple[Counter[str], Worker]:
    """Six stations' windows through a worker whose engine fails so often; what was sent."""
    queue, sent = WindowQueue(10), Counter[str]()
    died = threading.Semaphore(0)

    def send(message: Magnitude, arrived_ns: int) -> float:
        sent[message.topic] += 1
        return 0.0

    worker = Worker(
        [Failing(times)], queue, send, batch_size=6, on_failure=lambda error: died.release()
    )
    for number in range(6):
        one = task(f"S{number}", 0)
        one.window.samples[:] = 13 if number == 3 else number
        queue.put(one)
    worker.start()
    for _ in range(times):
        assert died.acquire(timeout=30)
        worker.restart()
    assert worker.stop(30)
    return sent, worker


def test_window_that_fails_once_is_sent_after_the_restart() -> None:
    sent, worker = outlived(1)
    assert set(sent.values()) == {1}
    assert len(sent) == 6
    assert worker.counts[WorkReason.ESTIMATED] == 6
    assert worker.restarts == 1


def test_window_that_always_fails_costs_itself_alone() -> None:
    sent, worker = outlived(2)
    assert set(sent.values()) == {1}
    assert len(sent) == 5
    assert worker.counts[WorkReason.FAILED] == 1
    assert worker.restarts == 2


def test_real_daemon_feeds_it_while_idle_and_not_while_its_model_is_at_work_for_long(
    tmp_path: Path,
) -> None:
    """The event loop turns all the time, and says so in its heartbeats."""
    weights = slow_weights(tmp_path / "slow.safetensors", UMambaV2)
    more = f'[model]\ncheckpoint = "{weights}"\nengine = "torch"\nbatch_size = 64\n'
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    text = config(port, address, more=more)
    with (
        running_daemon(tmp_path, text, WATCHDOG_USEC="400000") as daemon,
        Subscriber(address, timeout_s=0.5) as feed,
    ):
        for _ in range(5):
            daemon.wait_notified("WATCHDOG=1")
        with replay(tmp_path, records_of(seconds=900), port, "--speed", "max"):
            until(feed, lambda one: one.body.get("queue_depth", 0) >= 200)
            assert falls_silent(daemon)
            wait_for_feed(feed)


def falls_silent(daemon: Daemon) -> bool:
    """Whether it does not feed its watchdog for two seconds; what it sent before is passed over."""
    ends_s = time.monotonic() + 60
    while time.monotonic() < ends_s:
        try:
            daemon.wait_notified("WATCHDOG=1", 2.0)
        except AssertionError:
            return True
    return False

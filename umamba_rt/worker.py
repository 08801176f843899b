"""The thread that owns the models: takes windows, batches them over stations, sends estimates."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import chain

import numpy as np
import structlog

from umamba_rt.ahead import ahead
from umamba_rt.cadence import LINGER_NS
from umamba_rt.core.estimate import ModelName
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.core.window import Window
from umamba_rt.engine.base import Engine, estimate
from umamba_rt.errors import ModelError
from umamba_rt.rate_limit import RateLimit
from umamba_rt.window_queue import Task, WindowQueue
from umamba_rt.wire.message import Magnitude, magnitudes_of

_IDLE_S = 0.2
_WARN_EVERY_S = 60.0
# Windows of a model besides the first one in one go: the longest that a window of the first waits
# for another model. V1 takes 20 ms for eight on two cores.
_PIECE = 8
# Of a batch one part is sent while the next one is computed, in half the time: with few parts the
# first one is waited for, with many the engine's threads pause too often.
_PARTS, _LEAST_PART = 4, 16
# Live, what a batch may take by the pace of the one before it, s: a window that has waited as long
# as it may waits for its batch, too, and at 50 windows a second 64 take longer than that.
_BATCH_S = 0.5
# For an estimate that is being sent when all others are given up: that takes 0.1 ms.
_SENDING_S = 0.2


class WorkReason(StrEnum):
    """Why the worker counted something; the names are those of the heartbeat."""

    ESTIMATED = "windows_estimated"
    NOT_FINITE = "estimates_not_finite"
    SENT = "estimates_sent"
    FAILED = "windows_failed"


def estimates(engine: Engine, windows: Sequence[Window]) -> list[Magnitude | None]:
    """One model's messages for a batch, in its order; None where the estimate is no number.

    Args:
        engine: the model.
        windows: B windows, raw.
    """
    samples = np.stack([window.samples for window in windows])
    calibrations = [window.calibration for window in windows]
    output = estimate(engine, samples, calibrations)
    messages = magnitudes_of(windows, output, engine.identity)
    return [message if math.isfinite(message.magnitude) else None for message in messages]


def _in_parts(engine: Engine, windows: Sequence[Window]) -> Iterator[Magnitude | None]:
    """What ``estimates`` gives, the first of them before the last are computed."""
    size = max(_LEAST_PART, -(-len(windows) // _PARTS))
    if len(windows) <= size:
        return iter(estimates(engine, windows))
    parts = (windows[first : first + size] for first in range(0, len(windows), size))
    return chain.from_iterable(ahead(estimates(engine, part) for part in parts))


class Worker:
    """Runs the models over the queue's windows in a thread of its own.

    The first model takes the queue's windows; each other one has a backlog of those that the first
    is through with, by the queue's rules, and works on it in small pieces while the queue is
    empty, or gathers windows that are young enough to be waited for in any case. In replay mode,
    where nothing is dropped, a full backlog is worked on first.
    """

    def __init__(
        self,
        engines: Sequence[Engine],
        queue: WindowQueue,
        send: Callable[[Magnitude, int], float],
        *,
        batch_size: int,
        backlog_age_s: float | None = None,
        on_failure: Callable[[ModelError], None],
        on_turn: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare; nothing runs before ``start``.

        Args:
            engines: the models, in the order of their priority.
            queue: where windows come from.
            send: sends an estimate, given its arrival by ``time.monotonic_ns``.
            batch_size: most windows in one call of a model.
            backlog_age_s: live, of a backlog what ``max_age_s`` is of the queue; None: the same.
            on_failure: called from the thread when a model fails; the thread then ends, and
                ``restart`` begins another.
            on_turn: called from the thread at each of its turns, five a second at least.
        """
        # All reasons from the start: another thread reads while this one counts.
        self.counts: Counter[WorkReason] = Counter(dict.fromkeys(WorkReason, 0))
        self.restarts = 0
        self._engines = engines
        self._queue = queue
        names = [engine.identity.name for engine in engines[1:]]
        self._backlogs = {name: queue.emptied(backlog_age_s) for name in names}
        self._send = send
        self._batch_size = batch_size
        self._on_failure, self._on_turn = on_failure, on_turn
        # What the thread would leave if it died now: the model, and its windows not yet sent.
        self._in_hand: tuple[ModelName, deque[Task]] = engines[0].identity.name, deque()
        self._suspects: deque[tuple[ModelName, Task]] = deque()
        self._stopping = threading.Event()
        self._abandoned = threading.Event()
        self._window_s = 0.0  # what one took in the first model's latest batch
        self._worst_data_latency_s: float | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="umamba-worker", daemon=True)
        self._not_finite = RateLimit(_WARN_EVERY_S)
        self._log = structlog.get_logger()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def restart(self) -> None:
        """Go on in a new thread after a failure.

        The windows that the old one had in hand are tried once more, each of them alone. One that
        fails again is counted as ``windows_failed``, and costs no other.
        """
        self._thread.join()
        self.restarts += 1
        name, left = self._in_hand
        self._suspects.extend((name, task) for task in left)
        left.clear()
        self._thread = threading.Thread(target=self._run, name="umamba-worker", daemon=True)
        self._thread.start()

    @property
    def engines(self) -> Sequence[Engine]:
        """The models that run, in the order of their priority."""
        return self._engines

    def swap(self, engines: Sequence[Engine]) -> None:
        """Use other weights of the same models from the next batch on."""
        self._engines = engines

    def stop(self, drain_s: float) -> bool:
        """Finish the queued windows, for ``drain_s`` at most; True when none is left.

        After that nothing is sent any more. A batch that is still at work is not waited for: what
        comes of it is dropped.
        """
        self._stopping.set()
        self._thread.join(drain_s)
        left = len(self._queue) + len(self._suspects) + sum(map(len, self._backlogs.values()))
        drained = not self._thread.is_alive() and left == 0
        self._abandoned.set()
        self._thread.join(_SENDING_S)
        return drained

    @property
    def unfinished(self) -> int:
        """Windows that the first model has taken and is not through with."""
        first = self._engines[0].identity.name
        name, left = self._in_hand
        return sum(one == first for one, _ in self._suspects) + len(left) * (name == first)

    def take_worst_data_latency_s(self) -> float | None:
        """Largest ``latency.data_s`` sent since the last call."""
        with self._lock:
            worst, self._worst_data_latency_s = self._worst_data_latency_s, None
        return worst

    @property
    def backlogs(self) -> Mapping[ModelName, WindowQueue]:
        """What waits for each model but the first; to be read only."""
        return self._backlogs

    def _run(self) -> None:
        while not self._abandoned.is_set():
            try:
                self._on_turn()
                if not self._turn() and self._stopping.is_set():
                    return
            except Exception as error:  # noqa: BLE001 - whatever a model raises ends in one place
                self._on_failure(ModelError(f"{type(error).__name__}: {error}"))
                self._log.exception("model_failed")
                return

    def _turn(self) -> bool:
        """A batch of the first model, or a piece of each other; False when nothing waited."""
        first, *others = self._engines
        if self._suspects:
            self._retry(*self._suspects.popleft())
            return True
        waiting = [engine for engine in others if len(self._backlogs[engine.identity.name])]
        gathers = bool(waiting) and self._queue.oldest_wait_s * NS_PER_S < LINGER_NS
        if not gathers and not any(map(self._is_full, waiting)):
            # While there is other work, no window is waited for: more come during that.
            tasks = self._queue.take(self._most(), 0.0 if waiting else _IDLE_S)
            if tasks:
                self._process(first, tasks)
                return True
        for engine in waiting:
            self._process(engine, self._backlogs[engine.identity.name].take(_PIECE, 0.0))
        return bool(waiting)

    def _most(self) -> int:
        """Windows of the first model's next batch."""
        if not self._queue.is_live or self._window_s * self._batch_size <= _BATCH_S:
            return self._batch_size
        return max(1, int(_BATCH_S / self._window_s))

    def _is_full(self, engine: Engine) -> bool:
        backlog = self._backlogs[engine.identity.name]
        return not backlog.is_live and len(backlog) + self._batch_size > backlog.size

    def _retry(self, name: ModelName, task: Task) -> None:
        """Estimate a window that a thread died over."""
        (engine,) = [one for one in self._engines if one.identity.name == name]
        try:
            self._process(engine, [task])
        except Exception:
            self.counts[WorkReason.FAILED] += 1
            self._log.warning("window_failed", station=str(task.window.group), model=name)
            self._in_hand[1].clear()
            raise

    def _process(self, engine: Engine, tasks: list[Task]) -> None:
        """Estimate and send; the first model's windows then wait for the others."""
        # By name: its weights may have been swapped since.
        is_first = engine.identity.name == self._engines[0].identity.name
        began_s = time.monotonic()
        windows = [task.window for task in tasks]
        left = deque(tasks)
        self._in_hand = engine.identity.name, left
        for task, message in zip(tasks, _in_parts(engine, windows), strict=True):
            if self._abandoned.is_set():
                return
            if message is None:
                self.counts[WorkReason.NOT_FINITE] += 1
                self._tell_of(task)
            else:
                self._send_one(task, message)
            left.popleft()
            if is_first:
                self.counts[WorkReason.ESTIMATED] += 1
                for backlog in self._backlogs.values():
                    backlog.put(task)
        if is_first:
            self._window_s = (time.monotonic() - began_s) / len(tasks)

    def _tell_of(self, task: Task) -> None:
        if (events := self._not_finite.passes()) is not None:
            station = str(task.window.group)
            self._log.warning("estimate_not_finite", station=station, events=events)

    def _send_one(self, task: Task, message: Magnitude) -> None:
        self._send(message, task.arrived_ns)
        self.counts[WorkReason.SENT] += 1
        if message.revision:
            return  # its data were late, and that is known
        data_s = message.latency.data_s
        with self._lock:
            worst = self._worst_data_latency_s
            self._worst_data_latency_s = data_s if worst is None else max(worst, data_s)

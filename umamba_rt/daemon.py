"""The daemon's life: it starts its parts, and ends them when it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from umamba_rt.config.whole import Config
from umamba_rt.core.inventory import EMPTY, Inventory
from umamba_rt.ending import Ending
from umamba_rt.engine.base import Engine
from umamba_rt.errors import ModelError
from umamba_rt.io.notify import notify
from umamba_rt.io.publisher import Publisher
from umamba_rt.memory import give_back, trim_regularly
from umamba_rt.parts import Parts
from umamba_rt.reader_tasks import ReaderTasks, cancel
from umamba_rt.reload import Reloader, Sources
from umamba_rt.responsiveness import favour_latency
from umamba_rt.status_line import StatusLine
from umamba_rt.supervision import Deaths, Watchdog, feeding_interval_s

_SPARE_THREADS = 8
# For the service manager to take a state that it is told once.
_STATE_WAIT_S = 1.0
# For the events of the last windows, however long draining took.
_EVENTS_S = 0.2
# What a backlog leaves free goes back to the system: 35 MiB behind 20 s of data of 100 stations.
_TRIM_S = 20.0


class Daemon:
    """One run: readers, core, worker and publisher in one process.

    The readers and the core share the event loop's thread; the models have their own, so that a
    slow model never holds up a socket.
    """

    def __init__(
        self,
        config: Config,
        engines: Sequence[Engine],
        inventory: Inventory = EMPTY,
        sources: Sources | None = None,
        leave: Callable[[int], object] | None = None,
    ) -> None:
        """Make the parts and bind their sockets; everything else begins with ``run``.

        Args:
            config: what is asked for.
            engines: the models, in the order of their priority.
            inventory: what is known of the channels.
            sources: where SIGHUP gets all three anew; None: it does nothing.
            leave: ends the process at once, with a status, where the run does not end in time;
                None: then nothing does.

        Raises:
            UnavailableError: see ``Parts``.
        """
        give_back()  # before there are threads that may load a library meanwhile
        self._watchdog = Watchdog(feeding_interval_s(os.environ))
        self._deaths = Deaths()
        self._parts = Parts(
            config,
            engines,
            inventory,
            on_failure=self._worker_died,
            on_turn=self._watchdog.worker_turned,
        )
        self._reads = ReaderTasks(self._parts.readers, self._parts.intake.read)
        self._reloader = Reloader(self._parts, self._reads, sources) if sources else None
        self._asked_to_reload = asyncio.Event()
        self._leave = leave
        self._failure: ModelError | None = None
        self._status = ModelError.exit_status  # until it has ended as asked
        self._log = structlog.get_logger()

    @property
    def publisher(self) -> Publisher:
        """The feed."""
        return self._parts.publisher

    async def run(self) -> int:
        """Run until SIGTERM, SIGINT or ``stop``.

        Returns:
            The exit status: 0 when ended as asked, 70 when the worker died too often.
        """
        parts = self._parts
        self._loop = asyncio.get_running_loop()
        # A name server that hangs holds a thread for each host; the other servers need theirs.
        self._loop.set_default_executor(ThreadPoolExecutor(_SPARE_THREADS + len(parts.readers)))
        self._stop = asyncio.Event()
        parts.room.open()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        self._loop.add_signal_handler(signal.SIGHUP, self._asked_to_reload.set)
        favour_latency()
        if parts.events and parts.resume:
            parts.events.begin(parts.resume.rejoin_s, parts.resume.oldest_ns)
        parts.worker.start()
        services = [self._reads.run, self._beat, self._turn, self._reload, *parts.services]
        tasks = [asyncio.ensure_future(service()) for service in services]
        tasks.append(asyncio.create_task(trim_regularly(_TRIM_S)))
        stopped = asyncio.create_task(self._stop.wait())
        notify(f"READY=1\nSTATUS=feed at {parts.publisher.address}", _STATE_WAIT_S)
        self._log.info("ready", feed=parts.publisher.address, mode=parts.config.run.mode)
        try:
            done, _ = await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()  # a reader or a timer never ends by itself: raise what ended it
            if not self._stop.is_set():  # with 0 nobody would start it again
                raise RuntimeError("a part ended, and nobody had asked it to")
            self._status = 0
        finally:
            await self._end([*tasks, stopped])
        return self._exit_status()

    async def _reload(self) -> None:
        """Reload at each SIGHUP until cancelled."""
        while True:
            await self._asked_to_reload.wait()
            self._asked_to_reload.clear()
            # Source: sd_notify(3): CLOCK_MONOTONIC tells this reload from an earlier one.
            notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}", _STATE_WAIT_S)
            if self._reloader:
                await self._reloader.reload()
            notify("READY=1", _STATE_WAIT_S)

    def stop(self) -> None:
        """Ask the run to end; to be called from the event loop's thread."""
        self._stop.set()

    def _cut_short(self) -> None:
        if self._leave:
            self._leave(self._exit_status())

    def _exit_status(self) -> int:
        return self._status if self._failure is None else self._failure.exit_status

    async def _end(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        notify("STOPPING=1")
        parts = self._parts
        ending = Ending(parts.config.run.drain_s, self._cut_short)
        ending.begin("readers")
        await cancel(tasks)
        await self._reads.end()
        ending.begin("windows")
        if not parts.live and not parts.resume and self._failure is None:
            # With positions, the next run gets these again.
            await parts.intake.finish(ending.left_s)
        # Threads of their own: name servers that hang may hold all that the event loop has.
        with ThreadPoolExecutor(1, thread_name_prefix="umamba-end") as thread:
            await self._loop.run_in_executor(thread, parts.worker.stop, ending.left_s)
            ending.begin("events")
            if parts.events:
                limit_s = max(_EVENTS_S, ending.left_s)
                await self._loop.run_in_executor(thread, parts.events.finish, limit_s)
        parts.figures.left_at_end += len(parts.queue) + parts.worker.unfinished
        parts.publisher.send(parts.figures.heartbeat())
        ending.begin("state")
        if parts.resume:
            await parts.resume.end()
        ending.begin("sockets")
        parts.closing.close()
        left, sent = parts.figures.left_at_end, parts.publisher.sent
        self._log.info("stopped", windows_left=left, sent=sent)
        ending.over()

    async def _beat(self) -> None:
        parts, line = self._parts, StatusLine()
        while True:
            await asyncio.sleep(parts.config.run.heartbeat_s)
            beat = parts.figures.heartbeat()
            parts.publisher.send(beat)
            notify(f"STATUS={line.of(beat)}")

    async def _turn(self) -> None:
        """Show the watchdog that the event loop turns."""
        while self._watchdog.interval_s is not None:
            self._watchdog.loop_turned()
            await asyncio.sleep(self._watchdog.interval_s / 2)
        await self._stop.wait()

    def _worker_died(self, error: ModelError) -> None:
        """From the worker's thread: have the event loop's begin another."""
        self._loop.call_soon_threadsafe(self._revive, error)

    def _revive(self, error: ModelError) -> None:
        if self._deaths.too_many():
            self._failure = error
            self._log.error("worker_given_up", reason=str(error), deaths=self._deaths.total)
            self._stop.set()
            return
        self._log.warning("worker_restarted", reason=str(error), deaths=self._deaths.total)
        self._parts.worker.restart()

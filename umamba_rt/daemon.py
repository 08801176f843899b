"""The daemon: puts the parts together and lives until it is told to stop."""

from __future__ import annotations

import asyncio
import math
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from umamba_rt.config import Config
from umamba_rt.core.inventory import EMPTY, Inventory
from umamba_rt.core.pipeline import Outcome, Pipeline
from umamba_rt.engine.base import Engine
from umamba_rt.errors import ModelError, RecordError, UnavailableError
from umamba_rt.figures import Figures
from umamba_rt.ingest import DataClock, Ingest
from umamba_rt.io.clock import WallClock
from umamba_rt.io.log import RateLimit
from umamba_rt.io.notify import notify
from umamba_rt.io.publisher import Publisher
from umamba_rt.io.query import QueryEndpoint
from umamba_rt.io.seedlink import SeedLinkReader
from umamba_rt.overview import Overview
from umamba_rt.resume import Resume
from umamba_rt.state_directory import state_directory
from umamba_rt.window_queue import Task, WindowQueue, now_ns
from umamba_rt.wire.message import Magnitude, status_of
from umamba_rt.worker import Worker

_TICK_S = 0.25
# Packets after which a reader lets others run: a full socket buffer would keep it for seconds.
_TURN = 16
_CANCEL_AGAIN_S = 0.2
_SPARE_THREADS = 8


class Daemon:
    """One run: readers, core, worker and publisher in one process.

    The readers and the core share the event loop's thread; the models have their own, so that a
    slow model never holds up a socket. In replay mode a full queue holds the readers back, and
    through TCP the server.
    """

    def __init__(
        self, config: Config, engines: Sequence[Engine], inventory: Inventory = EMPTY
    ) -> None:
        """Bind the feed; everything else begins with ``run``.

        Raises:
            UnavailableError: the feed's or the query's address cannot be bound, another daemon
                uses the state directory, or what a server's login needs is not there.
        """
        self._config = config
        self._live = config.run.mode == "live"
        self._log = structlog.get_logger()
        clock = WallClock() if self._live else DataClock()
        self._ingest = Ingest(Pipeline(config.pipeline, inventory), clock)
        directory = state_directory(config.state, os.environ)
        self._resume = Resume(config, directory) if directory else None
        positions = self._resume.positions if self._resume else [None] * len(config.seedlink)
        self._readers = [
            SeedLinkReader(server, place)
            for server, place in zip(config.seedlink, positions, strict=True)
        ]
        self._queue = WindowQueue(
            config.model.queue_size,
            self._room_was_made,
            max_age_s=config.model.max_queue_s if self._live else math.inf,
        )
        feed = config.publisher
        self.publisher = Publisher(
            feed.address,
            form=feed.format,
            high_water_mark=feed.high_water_mark,
            echo_address=self._resume.echo_address if self._resume else "",
        )
        send: Callable[[Magnitude, int], int] = self.publisher.send_magnitude
        models = [engine.identity.name for engine in engines]
        if self._resume:
            send = self._resume.attach(self.publisher, models, self._readers, self._ingest.pipeline)
        self._overview = Overview(
            self.publisher.session,
            self._ingest.pipeline,
            self._readers,
            models,
            clock.now_ns,
            lambda: self._figures.now(),
        )
        self._query = self._make_query()
        self._worker = Worker(
            engines,
            self._queue,
            self._overview.counting(send),
            batch_size=config.model.batch_size,
            on_failure=self._model_failed,
        )
        self._figures = Figures(
            config.run.mode,
            self._ingest,
            self._readers,
            self._queue,
            self._worker,
            self.publisher,
            self._query,
            self._resume,
        )
        self._failure: ModelError | None = None

    async def run(self, asked_to_end: Callable[[], bool] = lambda: False) -> int:
        """Run until SIGTERM, SIGINT or ``stop``.

        Args:
            asked_to_end: whether a signal came before this run could take it.

        Returns:
            The exit status: 0 when ended as asked, 70 when a model failed.
        """
        self._loop = asyncio.get_running_loop()
        # A name server that hangs holds a thread for each host; the other servers need theirs.
        self._loop.set_default_executor(ThreadPoolExecutor(_SPARE_THREADS + len(self._readers)))
        self._stop = asyncio.Event()
        self._room = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        if asked_to_end():
            self._stop.set()
        self._worker.start()
        tasks = [asyncio.create_task(self._read(reader)) for reader in self._readers]
        tasks.append(asyncio.create_task(self._beat()))
        if self._live:
            tasks.append(asyncio.create_task(self._tick()))
        if self._resume:
            tasks.append(asyncio.create_task(self._resume.run()))
        if self._query:
            tasks.append(asyncio.create_task(self._query.serve()))
        stopped = asyncio.create_task(self._stop.wait())
        notify(f"READY=1\nSTATUS=feed at {self.publisher.address}")
        self._log.info("ready", feed=self.publisher.address, mode=self._config.run.mode)
        try:
            done, _ = await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()  # a reader or a timer never ends by itself: raise what ended it
        finally:
            await self._end([*tasks, stopped])
        return 0 if self._failure is None else self._failure.exit_status

    def _make_query(self) -> QueryEndpoint | None:
        query = self._config.query
        if not query.address:
            return None
        try:
            return QueryEndpoint(
                query.address, self._overview.handlers, requests_hz=query.requests_hz
            )
        except UnavailableError:
            self.publisher.close()
            raise

    def stop(self) -> None:
        """Ask the run to end; to be called from the event loop's thread."""
        self._stop.set()

    async def _end(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        notify("STOPPING=1")
        await _cancel(tasks)
        if not self._live and not self._resume and self._failure is None:
            await self._finish_replay()  # with positions, the next run gets these records again
        await asyncio.to_thread(self._worker.stop, self._config.run.drain_s)
        self._figures.left_at_end += len(self._queue)
        self.publisher.send(self._figures.heartbeat())
        if self._resume:
            await self._resume.end()
        self.publisher.close()
        if self._query:
            self._query.close()
        self._log.info("stopped", windows_left=self._figures.left_at_end, sent=self.publisher.sent)

    async def _finish_replay(self) -> None:
        """Use what waits for the records behind it, as ``--direct`` does: none will come."""
        drain_s = self._config.run.drain_s
        try:
            async with asyncio.timeout(drain_s):
                await self._dispatch(self._ingest.finish(), now_ns())
        except TimeoutError:
            self._log.warning("replay_end_abandoned", after_s=drain_s)

    async def _read(self, reader: SeedLinkReader) -> None:
        turn = 0
        refused = RateLimit(10.0)
        if self._resume:
            await asyncio.sleep(self._resume.rejoin_s)
        async for packet in reader.packets():
            arrived_ns = now_ns()
            turn += 1
            if turn % _TURN == 0:
                await asyncio.sleep(0)
            try:
                outcome = self._ingest.record(
                    packet.payload, source=packet.source, station_id=packet.framed_station
                )
            except RecordError as error:
                if (events := refused.passes()) is not None:
                    self._log.warning(
                        "record_refused", source=error.source, reason=error.reason, events=events
                    )
                outcome = Outcome()
            if self._ingest.latest:
                self._overview.received(reader.server, self._ingest.latest.source_id.group)
            if self._resume:
                self._resume.received(reader, packet, self._ingest.latest)
            await self._dispatch(outcome, arrived_ns)

    async def _dispatch(self, outcome: Outcome, arrived_ns: int) -> None:
        if self._resume:
            self._resume.hand(outcome.windows)  # before anything is awaited
        for change in outcome.changes:
            self._log.info(
                "station", station=str(change.group), state=change.state, detail=change.detail
            )
            self.publisher.send(status_of(change))
        for position, window in enumerate(outcome.windows):
            if not self._live:
                try:
                    await self._wait_for_room()
                except asyncio.CancelledError:
                    self._figures.left_at_end += len(outcome.windows) - position
                    raise
            self._queue.put(Task(window, arrived_ns))

    async def _wait_for_room(self) -> None:
        while len(self._queue) >= self._queue.size:
            self._room.clear()
            if len(self._queue) >= self._queue.size:
                await self._room.wait()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            await self._dispatch(self._ingest.tick(), now_ns())

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._config.run.heartbeat_s)
            beat = self._figures.heartbeat()
            self.publisher.send(beat)
            online = beat.stations.get("online", 0)
            notify(f"STATUS={online} stations online, {beat.queue_depth} windows waiting")

    def _room_was_made(self) -> None:
        self._loop.call_soon_threadsafe(self._room.set)

    def _model_failed(self, error: ModelError) -> None:
        self._failure = error
        self._loop.call_soon_threadsafe(self._stop.set)


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel tasks until each has ended.

    Once is not enough: before Python 3.12 ``asyncio.wait_for``, which the SeedLink client waits
    with, swallows a cancellation that comes in the same turn as its data.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_S)

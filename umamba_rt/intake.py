"""From the servers' packets to the queue of windows, in the event loop's thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

import structlog

from umamba_rt.core.pipeline import Outcome
from umamba_rt.core.window import Window
from umamba_rt.errors import RecordError
from umamba_rt.figures import Figures
from umamba_rt.ingest import Ingest
from umamba_rt.io.publisher import Publisher
from umamba_rt.io.seedlink import SeedLinkReader
from umamba_rt.overview import Overview
from umamba_rt.rate_limit import RateLimit
from umamba_rt.resume import Resume
from umamba_rt.window_queue import Task, WindowQueue, now_ns
from umamba_rt.wire.message import status_of

# Waking up takes milliseconds on a machine that has nothing else to do.
_TICK_S, _TICK_WITHOUT_SENSORS_S = 0.25, 1.0
# Packets after which a reader lets others run: a full socket buffer would keep it for seconds.
_TURN = 16


class Room:
    """Wakes whoever waits for room in the queue; the worker's thread says that there is some."""

    def __init__(self) -> None:
        self._wake: Callable[[], object] = lambda: None
        self._event = asyncio.Event()

    def open(self) -> None:
        """Belong to the event loop that runs now."""
        loop = asyncio.get_running_loop()
        self._wake = partial(loop.call_soon_threadsafe, self._event.set)

    def was_made(self) -> None:
        """Say so; from any thread."""
        self._wake()

    async def in_queue(self, queue: WindowQueue) -> None:
        """Wait until one more window fits."""
        while len(queue) >= queue.size:
            self._event.clear()
            if len(queue) >= queue.size:
                await self._event.wait()


class Intake:
    """Takes packets into the core, and the windows that it cuts to the queue.

    In replay mode a full queue holds the readers back, and through TCP the server.
    """

    def __init__(
        self,
        ingest: Ingest,
        queue: WindowQueue,
        room: Room,
        publisher: Publisher,
        overview: Overview,
        figures: Figures,
        resume: Resume | None,
        *,
        live: bool,
    ) -> None:
        """Put together; nothing is read.

        Args:
            ingest: decoder, clock and core.
            queue: where windows go.
            room: tells of room in it.
            publisher: for changes of the stations' states.
            overview: notes which server sent what.
            figures: count what is left at the end.
            resume: notes what the next run needs to know; None: nothing is kept.
            live: whether windows go to a full queue all the same, and drive others out.
        """
        self._ingest, self._queue, self._room = ingest, queue, room
        self._publisher, self._overview, self._figures = publisher, overview, figures
        self._resume, self._live = resume, live
        self._lock = asyncio.Lock()
        self._log = structlog.get_logger()

    async def read(self, reader: SeedLinkReader) -> None:
        """Take in one server's packets until cancelled."""
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

    async def tick(self) -> None:
        """Let waits end, four times a second where there are any, until cancelled."""
        while True:
            sensors = self._ingest.pipeline.sensors
            await asyncio.sleep(_TICK_S if sensors else _TICK_WITHOUT_SENSORS_S)
            await self._dispatch(self._ingest.tick(), now_ns())

    async def finish(self, limit_s: float) -> None:
        """Use what waits for the records behind it, as ``--direct`` does: none will come."""
        try:
            async with asyncio.timeout(limit_s):
                await self._dispatch(self._ingest.finish(), now_ns())
        except TimeoutError:
            self._log.warning("replay_end_abandoned", after_s=limit_s)

    async def _dispatch(self, outcome: Outcome, arrived_ns: int) -> None:
        if self._resume:
            self._resume.hand(outcome.windows)  # before anything is awaited
        for change in outcome.changes:
            self._log.info(
                "station", station=str(change.group), state=change.state, detail=change.detail
            )
            self._publisher.send(status_of(change))
        if outcome.windows:
            await self._enqueue(deque(outcome.windows), arrived_ns)

    async def _enqueue(self, windows: deque[Window], arrived_ns: int) -> None:
        try:
            async with self._lock:  # first come, first served: a sensor's windows stay in order
                if self._resume:
                    await self._resume.keep_up(windows)
                while windows:
                    if not self._live:
                        await self._room.in_queue(self._queue)
                    self._queue.put(Task(windows.popleft(), arrived_ns))
        except asyncio.CancelledError:
            if self._live:
                while windows:
                    self._queue.put(Task(windows.popleft(), arrived_ns))
            self._figures.left_at_end += len(windows)
            raise

"""A SeedLink server on a TCP port that replays an archive, paced or as fast as clients read."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from umamba_rt import __version__
from umamba_rt.errors import UnavailableError
from umamba_rt.io.replay_client import Client
from umamba_rt.io.replay_cursor import Cursor
from umamba_rt.io.replay_timeline import ReplayClock, Timeline
from umamba_rt.wire.fault_switches import Faults
from umamba_rt.wire.seedlink_events import StartStreaming
from umamba_rt.wire.seedlink_info import Identity, InfoRequest, answer_info


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How to serve.

    Attributes:
        host: address to bind; loopback unless told otherwise.
        port: 0 lets the system choose.
        speed: replay seconds a second; None: as fast as clients read.
        linger_s: how long connections stay open after the last packet, s.
        live: move all times by whole seconds so that the replay begins when its first client does,
            or goes on then where that client resumes.
        organization: second line of HELLO.
        faults: what goes wrong on connections, for tests.
    """

    host: str = "127.0.0.1"
    port: int = 0
    speed: float | None = None
    linger_s: float = 5.0
    live: bool = False
    organization: str = "umamba-rt replay"
    faults: Faults = field(default_factory=Faults)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the replay has come.

    Attributes:
        number: the furthest packet that any client has been sent, or stepped over; 0 at first.
        last: the last packet's number; None in a loop.
        clients: connections now open.
    """

    number: int
    last: int | None
    clients: int


class ReplayServer:
    """The server; ``async with`` starts and closes it.

    The clock starts with the first client that streams. The replay is over when the last packet
    has been released, no streaming client is behind it, and ``linger_s`` have passed; at full
    speed, moreover, a client without an end of its own has come to the last packet, so that a
    client that was killed on its way can come back. In a loop it never is.

    INFO tells the whole archive's stations and streams from the beginning, released or not, so
    that a client can choose before the clock runs.

    Args:
        timeline: the packets.
        options: how to serve.
        monotonic_ns: the clock to go by, ns.
        now_ns: UTC, ns since 1970; for ``live`` and for the heads of INFO records.
    """

    def __init__(
        self,
        timeline: Timeline,
        options: ServerOptions | None = None,
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.options = options or ServerOptions()
        self._timeline = timeline
        live_ns = now_ns if self.options.live else None
        self._clock = ReplayClock(timeline, self.options.speed, monotonic_ns, live_ns)
        self._now_ns = now_ns
        self.identity = Identity(
            f"umamba-rt-replay/{__version__}", self.options.organization, now_ns()
        )
        self._stations = timeline.inventory()
        self._clients: dict[asyncio.Task[None], Client] = {}
        self._connections = 0
        self._clients_began = False
        self._furthest = 0
        self._reached_last = False
        self._clock_moved = asyncio.Event()
        self._finished = asyncio.Event()
        self._linger: asyncio.TimerHandle | None = None
        self._at_last: asyncio.TimerHandle | None = None
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen.

        Raises:
            UnavailableError: the address cannot be bound.
        """
        where = f"{self.options.host}:{self.options.port}"
        try:
            self._server = await asyncio.start_server(
                self._connected, self.options.host, self.options.port
            )
        except OSError as error:
            raise UnavailableError(where, error.strerror or str(error)) from error

    @property
    def port(self) -> int:
        """The port listened on; after `start`."""
        if self._server is None:
            raise RuntimeError("the server is not started")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def progress(self) -> Progress:
        """How far the replay has come."""
        return Progress(self._furthest, self._timeline.last, len(self._clients))

    async def wait_finished(self) -> None:
        """Return when the replay is over; the caller then closes the server."""
        await self._finished.wait()

    async def close(self, *, abort: bool = False) -> None:
        """Stop listening and drop every connection; ``abort`` without sending what is buffered."""
        for timer in (self._linger, self._at_last):
            if timer is not None:
                timer.cancel()
        if self._server is not None:
            self._server.close()
        for task, client in list(self._clients.items()):
            if abort:
                client.abort()
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    # -- what connections ask for

    def answer(self, request: InfoRequest) -> bytes:
        """The answer to an INFO command."""
        return answer_info(request, self.identity, self._stations, self._now_ns())

    def begin(self, request: StartStreaming) -> Cursor:
        """Place a client in the replay; starts the clock, and wakes others if it was moved."""
        was_running = self._clock.started
        cursor = Cursor(request, self._timeline, self._clock)
        if self.options.live and not self._clients_began:
            self._stations = self._timeline.inventory()
        self._clients_began = True
        if cursor.moved_clock or not was_running:
            self._clock_moved.set()
            self._clock_moved = asyncio.Event()
        self._look_again_at_last()
        return cursor

    async def wait_s(self, delay_s: float) -> None:
        """Sleep, or less if the replay clock is moved meanwhile."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._clock_moved.wait(), delay_s)

    # -- the life of the replay

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        self._connections += 1
        faults, linger_s = self.options.faults, self.options.linger_s
        disturbance = (faults, self._connections) if faults.strike(self._connections) else None
        client = Client(reader, writer, self, self._advanced, linger_s, disturbance)
        self._clients[task] = client
        try:
            await client.serve()
        except asyncio.CancelledError:
            # asyncio's stream server reports a cancelled handler as an error; `close` meant it.
            pass
        finally:
            del self._clients[task]
            self._advanced()

    def _advanced(self) -> None:
        """Look where everyone is, after any change."""
        cursors = [client.cursor for client in self._clients.values() if client.cursor]
        self._furthest = max([self._furthest, *(cursor.number - 1 for cursor in cursors)])
        self._reached_last |= any(
            client.in_real_time and not client.is_behind for client in self._clients.values()
        )
        over = self._is_over()
        if over and self._linger is None:
            loop = asyncio.get_running_loop()
            self._linger = loop.call_later(self.options.linger_s, self._finished.set)
        elif not over and self._linger is not None:
            self._linger.cancel()
            self._linger = None

    def _look_again_at_last(self) -> None:
        """Have `_advanced` called when the last packet is released, were nobody there to see it."""
        last = self._timeline.last
        if last is None or not self._clock.paced:
            return
        if self._at_last is not None:
            self._at_last.cancel()
        delay_s = max(0.0, self._clock.delay_s(last)) + 0.001
        self._at_last = asyncio.get_running_loop().call_later(delay_s, self._advanced)

    def _is_over(self) -> bool:
        last = self._timeline.last
        if last is None or any(client.is_behind for client in self._clients.values()):
            return False
        if not self._clock.paced:
            return self._reached_last
        return self._clock.released == last

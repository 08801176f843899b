"""One client's connection to the replay server: reading commands while packets go out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol as Interface

from umamba_rt.io.replay_cursor import Cursor
from umamba_rt.io.replay_faults import HTTP_PAGE, FaultyLine, Line
from umamba_rt.wire.fault_switches import Faults
from umamba_rt.wire.seedlink import Session
from umamba_rt.wire.seedlink_events import Close, Ending, Reply, StartStreaming
from umamba_rt.wire.seedlink_frames import END
from umamba_rt.wire.seedlink_info import Identity, InfoRequest

# Packets are written in pieces of about this size, and never more than twice as much waits in
# user space for a client that does not read: TCP slows the replay down instead.
CHUNK_BYTES = 64 * 1024
_READ_BYTES = 4096
_FLUSH_S = 2.0  # for a closing connection to take what is buffered
_SCAN_RECORDS = 2000  # unwanted records stepped over before others get their turn


class Replay(Interface):
    """What a connection needs of its server."""

    identity: Identity

    def answer(self, request: InfoRequest) -> bytes:
        """The answer to an INFO command."""

    def begin(self, request: StartStreaming) -> Cursor:
        """Place a client in the replay."""

    async def wait_s(self, delay_s: float) -> None:
        """Sleep, or less if the replay clock is moved meanwhile."""


class Client:
    """Serves one connection until either side closes it.

    Args:
        reader: the connection's receiving side.
        writer: its sending side.
        replay: the server.
        on_progress: called after each piece sent and each state change.
        linger_s: how long to wait after ``END`` for the client to close first, s.
        disturbance: the faults to suffer, and which connection of the server this is, from 1.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        replay: Replay,
        on_progress: Callable[[], None],
        linger_s: float,
        disturbance: tuple[Faults, int] | None = None,
    ) -> None:
        self._reader, self._writer, self._replay = reader, writer, replay
        self._on_progress, self._linger_s = on_progress, linger_s
        self._line = FaultyLine(*disturbance, self._write) if disturbance else Line(self._write)
        faults = self._line.faults
        identity = replace(replay.identity, speaks_v4=not faults.v3_only)
        self._session = Session(identity, faults.refused_stations)
        self._begun_s = 0.0
        self._sending = asyncio.Lock()
        self._ended = False
        self._caught_up = False
        self._streaming: asyncio.Task[None] | None = None
        self.cursor: Cursor | None = None
        writer.transport.set_write_buffer_limits(high=CHUNK_BYTES)

    @property
    def in_real_time(self) -> bool:
        """Whether it streams and expects no end."""
        return self.cursor is not None and self.cursor.ending is Ending.NEVER

    @property
    def is_behind(self) -> bool:
        """Whether there is a packet that has still to be given to its socket."""
        return self.cursor is not None and not self._caught_up

    async def serve(self) -> None:
        """Run the connection; returns when it is over, whatever the peer did."""
        try:
            with contextlib.suppress(ConnectionError):
                if self._line.faults.http:
                    await self._answer_http()
                elif not self._line.refuses:
                    await self._read()
        finally:
            try:
                if self._streaming is not None:
                    self._streaming.cancel()
                    with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                        await self._streaming
            finally:
                await self._close()

    def abort(self) -> None:
        """Drop the connection without sending what is buffered."""
        self._writer.transport.abort()

    async def _close(self) -> None:
        """Close after what is buffered has gone out, or without it if the peer does not read."""
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_FLUSH_S):
                await self._writer.wait_closed()
        self.abort()

    async def _read(self) -> None:
        # Reading stops while replies wait to be sent, so a flood of commands is slowed too.
        while chunk := await self._reader.read(_READ_BYTES):
            for event in self._session.receive(chunk):
                match event:
                    case Reply(content):
                        await self._send(content)
                    case InfoRequest():
                        await self._send(self._replay.answer(event))
                    case StartStreaming():
                        self.cursor = self._replay.begin(event)
                        self._streaming = asyncio.create_task(self._stream(self.cursor))
                    case Close():
                        return
            # A pipelined handshake of 1,000 stations gives others their turn, too.
            await asyncio.sleep(0)

    async def _answer_http(self) -> None:
        if await self._reader.read(_READ_BYTES):
            await self._send(HTTP_PAGE)

    async def _write(self, content: bytes) -> None:
        if content:
            self._writer.write(content)
            await self._writer.drain()

    async def _send(self, content: bytes) -> None:
        async with self._sending:
            if not self._ended:
                await self._line.send(content)

    async def _send_packets(self, frames: Sequence[bytes]) -> None:
        async with self._sending:
            await self._line.send_packets(frames)

    async def _send_rest(self) -> None:
        async with self._sending:
            await self._line.send_rest()

    def _due_s(self, cursor: Cursor) -> float:
        """Seconds until the packet at hand is to leave, <= 0 if it is due."""
        waited_s = asyncio.get_running_loop().time() - self._begun_s
        return max(cursor.delay_s, -waited_s) + self._line.faults.delay_s

    async def _stream(self, cursor: Cursor) -> None:
        self._begun_s = asyncio.get_running_loop().time()
        try:
            while not (cursor.at_last or cursor.is_over):
                if (delay_s := self._due_s(cursor)) > 0:
                    await self._replay.wait_s(delay_s)
                    continue
                await self._send_packets(self._next_piece(cursor))
                if self._is_lost():
                    return
                self._on_progress()
                if (rest_s := cursor.rest_s()) > 0 and not cursor.at_last:
                    await self._replay.wait_s(rest_s)
                await asyncio.sleep(0)  # drain alone gives no other client a turn
            await self._send_rest()
            if cursor.ending is not Ending.NEVER:
                await self._send(END)
                self._ended = True
            self._writer.transport.set_write_buffer_limits(high=0)
            await self._writer.drain()
            self._caught_up = True
            self._on_progress()
            if self._ended:
                await asyncio.sleep(self._linger_s)
                self._writer.close()
        except Exception:
            self._writer.close()  # the reader sees it, and ends the connection with this error
            raise

    def _is_lost(self) -> bool:
        """Whether a fault has ended the connection's use; one that was cut is closed."""
        if self._line.is_cut:
            self._writer.close()  # behind what is buffered; the reader sees it
        return self._line.is_cut or self._line.is_mute

    def _next_piece(self, cursor: Cursor) -> list[bytes]:
        frames: list[bytes] = []
        size = 0
        for _ in range(_SCAN_RECORDS):
            if size >= CHUNK_BYTES or cursor.at_last or cursor.is_over or self._due_s(cursor) > 0:
                break
            if (frame := cursor.take()) is not None:
                frames.append(frame)
                size += len(frame)
        return frames

"""Servers that follow a script, on real sockets, and a reader to try them on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal

from umamba_rt.config.seedlink import SeedLinkConfig
from umamba_rt.io.replay_server import ServerOptions
from umamba_rt.io.seedlink import SeedLinkReader
from umamba_rt.wire.record import ReplayRecord

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OPTIONS = ServerOptions(linger_s=30.0)


def reader_of(
    port: int,
    *streams: str,
    protocol: Literal["auto", "v3", "v4"] = "auto",
    idle_timeout_s: float = 30.0,
) -> SeedLinkReader:
    return SeedLinkReader(
        SeedLinkConfig(
            server=f"127.0.0.1:{port}",
            streams=streams or ("*_*",),
            protocol=protocol,
            connect_timeout_s=1.0,
            idle_timeout_s=idle_timeout_s,
            reconnect_min_s=0.05,
            reconnect_max_s=0.1,
        )
    )


async def read(reader: SeedLinkReader, count: int, timeout_s: float = 30.0) -> list[bytes]:
    """The next ``count`` payloads."""
    payloads: list[bytes] = []
    packets = reader.packets()
    try:
        async with asyncio.timeout(timeout_s):
            async for packet in packets:
                payloads.append(packet.payload)
                if len(payloads) == count:
                    break
    finally:
        await packets.aclose()  # type: ignore[attr-defined]
    return payloads


@asynccontextmanager
async def scripted(*scripts: Script) -> AsyncIterator[int]:
    """A server whose n-th connection follows the n-th script, and later ones the last."""
    remaining = list(scripts)

    async def answer(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        script = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        try:
            await script(source, sink)
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client hung up on the script: what some tests want
        finally:
            sink.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def handshake_v3(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, end: bytes = b"\r\n"
) -> None:
    """HELLO and the negotiation, every command but INFO answered with OK."""
    await source.readline()
    sink.write(b"SeedLink v3.1 (2020.075) :: SLPROTO:3.1" + end + b"Test" + end)
    while (line := await source.readline()) and not line.startswith(b"END"):
        sink.write((b"ERROR" if line.startswith(b"INFO") else b"OK") + end)


def sending_v3(*packets: bytes, end: bytes = b"\r\n") -> Script:
    async def script(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        await handshake_v3(source, sink, end)
        sink.writelines(packets)
        await source.read()  # until the client leaves

    return script


async def handshake_v4(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """HELLO and the negotiation, every command but INFO answered with OK."""
    await source.readuntil(b"\r")
    sink.write(b"SeedLink v4.0 (test) :: SLPROTO:4.0\r\nTest\r\n")
    while (line := await source.readuntil(b"\r")) and line.strip() != b"END":
        sink.write(b"ERROR UNSUPPORTED\r\n" if line.startswith(b"INFO") else b"OK\r\n")


def sending_v4(*packets: bytes) -> Script:
    async def script(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        await handshake_v4(source, sink)
        sink.writelines(packets)
        await source.read()  # until the client leaves

    return script


def payloads_of(records: list[ReplayRecord]) -> list[bytes]:
    return [record.payload for record in records]

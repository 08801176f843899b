"""A replay server of five channels, and a SeedLink client that counts what it sends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import numpy as np
import pytest
from seedlink_client import AsyncSeedLink
from seedlink_client.protocol import Protocol, SeedLinkPacket

from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import Segment
from umamba_rt.io.replay_server import ReplayServer, ServerOptions
from umamba_rt.io.replay_timeline import Timeline
from umamba_rt.wire.record import ReplayRecord, pack_segment

START_NS = 1562258999997986000
CHANNELS = ("CI.CCC.HHE", "CI.CCC.HHN", "CI.CCC.HHZ", "PB.B916.EHZ", "CI.WBM.HHZ")
DEADLINE_S = 20.0
T = TypeVar("T")


def archive(seconds: int = 60) -> list[ReplayRecord]:
    samples = np.random.default_rng(0).integers(-999, 999, seconds * 100).astype(np.int32)
    records = [
        record
        for network, station, channel in (name.split(".") for name in CHANNELS)
        for record in pack_segment(
            Segment(SourceId.from_nslc(network, station, "", channel), START_NS, 100.0, samples)
        )
    ]
    return sorted(records, key=lambda r: (r.end_ns, str(r.source_id)))


RECORDS = archive()
N = len(RECORDS)
NUMBER_OF = {record.payload: number for number, record in enumerate(RECORDS, start=1)}
FAST = ServerOptions(linger_s=0.2)
BOTH = pytest.mark.parametrize("protocol", [Protocol.V3, Protocol.V4])


RECORDS = archive()
N = len(RECORDS)
NUMBER_OF = {record.payload: number for number, record in enumerate(RECORDS, start=1)}
FAST = ServerOptions(linger_s=0.2)
BOTH = pytest.mark.parametrize("protocol", [Protocol.V3, Protocol.V4])


def run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(main, DEADLINE_S))


def serve(
    test: Callable[[ReplayServer], Awaitable[T]],
    options: ServerOptions = FAST,
    *,
    loop: bool = False,
) -> T:
    async def main() -> T:
        async with ReplayServer(Timeline(RECORDS, turns=None if loop else 1), options) as server:
            return await test(server)

    return run(main())


def client(server: ReplayServer, protocol: Protocol, *, dialup: bool = False) -> AsyncSeedLink:
    return AsyncSeedLink(
        "127.0.0.1", server.port, timeout=5, protocol=protocol, dialup=dialup, keepalive=None
    )


async def collect(link: AsyncSeedLink, count: int | None = None) -> list[SeedLinkPacket]:
    """Packets until END, or ``count`` of them; closes the connection."""
    packets: list[SeedLinkPacket] = []
    if not link.is_connected:
        await link.connect()
    stream = link.collect(reconnect=False)
    async with contextlib.aclosing(stream):
        while count is None or len(packets) < count:
            try:
                packets.append(await anext(stream))
            except StopAsyncIteration:
                break
    await link.close()
    return packets


def numbers(packets: list[SeedLinkPacket]) -> list[int]:
    """Numbers as sent, after a look that each goes with its own record."""
    assert [p.seqnum for p in packets] == [NUMBER_OF[p.payload] for p in packets]
    return [p.seqnum for p in packets if p.seqnum is not None]


def wanted(*ids: str) -> list[int]:
    return [n for n, r in enumerate(RECORDS, 1) if str(r.source_id) in ids]

"""io/replay_faults.py: what a client of a disturbed server meets on its socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from tests.support import records_of
from umamba_rt.io.replay_faults import HTTP_PAGE
from umamba_rt.io.replay_server import ReplayServer, ServerOptions
from umamba_rt.io.replay_timeline import Timeline
from umamba_rt.wire.fault_switches import parse_faults
from umamba_rt.wire.seedlink_frames import Protocol, data_frame

RECORDS = records_of(seconds=40)
V3_START = b"STATION ONE AA\r\nDATA\r\nEND\r\n"
V4_START = b"SLPROTO 4.0\r\nSTATION AA_ONE\r\nDATA\r\nEND\r\n"
V4_FETCH = b"SLPROTO 4.0\r\nSTATION AA_ONE\r\nDATA ALL\r\nENDFETCH\r\n"
OK = b"OK\r\n"
FRAMES = {
    protocol: [
        data_frame(protocol, number, record.source_id.station_id, record.payload)
        for number, record in enumerate(RECORDS, 1)
    ]
    for protocol in Protocol
}
WHOLE = {protocol: b"".join(frames) for protocol, frames in FRAMES.items()}
Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]
T = TypeVar("T")


@asynccontextmanager
async def connected(server: ReplayServer, *lines: bytes) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.writelines(lines)
    yield reader, writer
    writer.transport.abort()


def serve(
    test: Callable[[ReplayServer], Awaitable[T]], *switches: str, connections: int | None = None
) -> T:
    async def main() -> T:
        faults = parse_faults(switches, seed=1, connections=connections)
        options = ServerOptions(linger_s=0.05, faults=faults)
        async with asyncio.timeout(20), ReplayServer(Timeline(RECORDS), options) as server:
            return await test(server)

    return asyncio.run(main())


def test_cut_sends_a_part_and_closes_and_the_next_connection_is_whole() -> None:
    async def test(server: ReplayServer) -> tuple[bytes, bytes]:
        async with connected(server, V3_START) as (reader, _):
            first = await reader.read(-1)
        async with connected(server, V3_START) as (reader, _):
            return first, await reader.readexactly(4 + 4 + len(WHOLE[Protocol.V3]))

    cut, whole = serve(test, "cut=@5", connections=1)
    assert whole == OK * 2 + WHOLE[Protocol.V3]
    assert whole.startswith(cut)
    four = 8 + 4 * 520
    assert four < len(cut) < four + 520


def test_half_open_answers_nothing_and_closes_nothing() -> None:
    async def test(server: ReplayServer) -> bytes:
        async with connected(server, V4_START) as (reader, writer):
            sent = await reader.readexactly(12 + len(b"".join(FRAMES[Protocol.V4][:4])))
            writer.write(b"INFO ID\r\n")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.3)
            # It is read from, though: BYE closes.
            writer.write(b"BYE\r\n")
            assert await reader.read(-1) == b""
            return sent

    assert serve(test, "half-open=@5") == OK * 3 + b"".join(FRAMES[Protocol.V4][:4])


def test_replay_does_not_end_while_a_half_open_client_hangs_on_it() -> None:
    async def test(server: ReplayServer) -> None:
        async with connected(server, V4_START) as (reader, _):
            await reader.readexactly(12)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(server.wait_finished(), 0.3)
            assert server.progress.clients == 1

    serve(test, "half-open=@1")


def test_trickle_goes_byte_by_byte_at_its_pace_and_replies_queue_behind_it() -> None:
    async def test(server: ReplayServer) -> tuple[bytes, float, list[int]]:
        async with connected(server, V3_START) as (reader, writer):
            sent = await reader.readexactly(8 + 2 * 520)
            writer.write(b"INFO ID\r\n")
            began_s = time.monotonic()
            sizes: list[int] = []
            while sum(sizes) < 40:
                chunk = await reader.read(4096)
                sizes.append(len(chunk))
                sent += chunk
            return sent, time.monotonic() - began_s, sizes

    sent, took_s, sizes = serve(test, "trickle=@3:100")
    assert (OK * 2 + WHOLE[Protocol.V3]).startswith(sent)
    assert 0.35 < took_s < 5
    assert len(sizes) > 20


def test_delay_holds_the_first_packet_back_and_then_all_come() -> None:
    async def test(server: ReplayServer) -> float:
        async with connected(server, V4_START) as (reader, _):
            await reader.readexactly(12)
            began_s = time.monotonic()
            await reader.readexactly(1)
            waited_s = time.monotonic() - began_s
            rest = await reader.readexactly(len(WHOLE[Protocol.V4]) - 1)
            assert WHOLE[Protocol.V4].endswith(rest)
            return waited_s

    assert 0.45 < serve(test, "delay=0.5") < 5


def test_fetch_of_a_delayed_replay_still_ends_with_everything() -> None:
    async def test(server: ReplayServer) -> bytes:
        async with connected(server, V4_FETCH) as (reader, _):
            return await reader.readuntil(b"END")

    assert serve(test, "delay=0.2", "reorder=@60:50") == OK * 3 + WHOLE[Protocol.V4] + b"END"


def test_packet_held_back_at_the_end_is_sent_before_the_end() -> None:
    async def test(server: ReplayServer) -> bytes:
        async with connected(server, V4_FETCH) as (reader, _):
            return await reader.readuntil(b"END")

    last = len(RECORDS)
    moved = [*FRAMES[Protocol.V4][:-3], *FRAMES[Protocol.V4][-2:], FRAMES[Protocol.V4][-3]]
    assert serve(test, f"reorder=@{last - 2}:9") == OK * 3 + b"".join(moved) + b"END"


def test_refused_connection_is_closed_without_a_word() -> None:
    async def test(server: ReplayServer) -> tuple[bytes, bytes]:
        async with connected(server) as (reader, _):
            first = await reader.read(-1)
        async with connected(server, b"HELLO\r\n") as (reader, _):
            return first, await reader.readline()

    silence, hello = serve(test, "refuse=1", connections=1)
    assert silence == b""
    assert hello.startswith(b"SeedLink v4.0")


def test_http_is_answered_with_a_page_and_closed() -> None:
    async def test(server: ReplayServer) -> bytes:
        async with connected(server, b"HELLO\r\n") as (reader, _):
            return await reader.read(-1)

    page = serve(test, "http")
    assert page == HTTP_PAGE
    head, _, body = page.partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(body) in head


def test_v3_only_knows_no_version_4() -> None:
    async def test(server: ReplayServer) -> bytes:
        words = b"HELLO\r\nSLPROTO 4.0\r\n", V3_START
        async with connected(server, *words) as (reader, _):
            greeting = await reader.readline() + await reader.readline()
            return greeting + await reader.readexactly(7 + 8 + 520)

    answer = serve(test, "v3-only")
    assert answer.startswith(b"SeedLink v3.1 (umamba-rt-replay/")
    assert b"SLPROTO:4.0" not in answer
    assert answer.endswith(b"ERROR\r\n" + OK * 2 + FRAMES[Protocol.V3][0])


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"STATION ONE AA\r\n", b"ERROR\r\n"),
        (b"SLPROTO 4.0\r\nSTATION AA_ONE\r\n", OK + b"ERROR UNAUTHORIZED no access to AA_ONE\r\n"),
        (b"STATION ONE BB\r\n", OK),
    ],
)
def test_refused_station_is_answered_with_an_error(line: bytes, answer: bytes) -> None:
    async def test(server: ReplayServer) -> bytes:
        async with connected(server, line, b"BYE\r\n") as (reader, _):
            return await reader.read(-1)

    assert serve(test, "refuse-station=AA_*") == answer


def test_client_that_leaves_a_trickling_server_is_forgotten() -> None:
    async def test(server: ReplayServer) -> None:
        async with connected(server, V4_START) as (reader, _):
            await reader.readexactly(12 + 10)
        while server.progress.clients:  # noqa: ASYNC110 - a count, not an event
            await asyncio.sleep(0.01)

    serve(test, "trickle=1:50")

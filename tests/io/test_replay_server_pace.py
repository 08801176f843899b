"""io/replay_server.py: its clock, its end, and clients that come back."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
from pymseed import MS3Record
from seedlink_client.protocol import Protocol, SeedLinkError, SeedLinkPacket

from tests.io.replayed import (
    DEADLINE_S,
    RECORDS,
    START_NS,
    N,
    client,
    collect,
    numbers,
    run,
    serve,
)
from umamba_rt.io.replay_cursor import Cursor
from umamba_rt.io.replay_server import ReplayServer, ServerOptions
from umamba_rt.io.replay_timeline import Timeline
from umamba_rt.wire.record import NS
from umamba_rt.wire.seedlink_events import StartStreaming


def test_paced_replay_takes_its_time_and_sends_all() -> None:
    async def test(server: ReplayServer) -> float:
        loop = asyncio.get_running_loop()
        link = client(server, Protocol.V4)
        link.add_stream("*_*")
        await link.connect()
        began_s = loop.time()
        assert numbers(await collect(link, N)) == list(range(1, N + 1))
        await server.wait_finished()
        return loop.time() - began_s

    elapsed_s = serve(test, ServerOptions(speed=60.0, linger_s=0.1))
    assert elapsed_s > 0.95


def test_clients_killed_with_their_server_resume_without_loss_or_repetition() -> None:
    async def first_part(server: ReplayServer) -> list[int]:
        link = client(server, Protocol.V4)
        link.add_stream("CI_*")
        link.add_stream("PB_*")
        await link.connect()
        got: list[SeedLinkPacket] = []
        async with contextlib.aclosing(link.collect(reconnect=False)) as stream:
            with contextlib.suppress(SeedLinkError):
                async for packet in stream:
                    got.append(packet)
                    if len(got) == 40:
                        await server.close(abort=True)
        positions.update({s.station_id: s.seqnum for s in link.streams})
        return numbers(got)

    async def second_part(server: ReplayServer) -> list[int]:
        link = client(server, Protocol.V4)
        for station, number in positions.items():
            link.add_stream(station, seqnum=number)
        await link.connect()
        packets: list[SeedLinkPacket] = []
        async with contextlib.aclosing(link.collect(reconnect=False)) as stream:
            async for packet in stream:
                packets.append(packet)
                if packet.seqnum == N:
                    break
        return numbers(packets)

    positions: dict[str, int | None] = {}
    paced = ServerOptions(speed=40.0, linger_s=0.1)
    before = serve(first_part, paced)
    after = serve(second_part, paced)
    assert 40 <= len(before) < N
    assert before + after == list(range(1, N + 1))


def test_resumed_client_need_not_sit_through_the_past_again() -> None:
    async def test(server: ReplayServer) -> list[SeedLinkPacket]:
        link = client(server, Protocol.V4)
        link.add_stream("*_*", seqnum=N - 2)
        return await collect(link, 1)  # a minute of data lies before it, past the deadline

    assert numbers(serve(test, ServerOptions(speed=1.0))) == [N - 1]


def test_replay_is_over_after_the_linger_and_says_so() -> None:
    async def test(server: ReplayServer) -> None:
        link = client(server, Protocol.V4)
        link.add_stream("*_*")
        await link.connect()
        stream = link.collect(reconnect=False)
        for _ in range(N):
            await anext(stream)
        await server.wait_finished()
        assert server.progress.number == N
        closing = asyncio.create_task(server.close())
        with pytest.raises(SeedLinkError, match="closed"):
            await anext(stream)
        await closing

    serve(test)


def test_replay_goes_on_for_a_client_that_died_on_its_way() -> None:
    async def main() -> None:
        # 15 MB, more than both sockets' kernel buffers hold: the end has not been sent.
        timeline = Timeline(RECORDS * (30_000 // N))
        async with ReplayServer(timeline, ServerOptions(linger_s=0.01)) as server:
            reader, dying = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
            dying.write(b"SLPROTO 4.0\r\nSTATION *\rDATA ALL\rEND\r\n")
            await reader.readexactly(1000)
            dying.transport.abort()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(server.wait_finished(), 0.3)
            assert server.progress.clients == 0
            assert server.progress.number < 20_000

    run(main())


def test_unpaced_loop_that_no_record_is_wanted_of_does_not_spin() -> None:
    async def test(server: ReplayServer) -> None:
        _, idle = await asyncio.open_connection("127.0.0.1", server.port)
        idle.write(b"SLPROTO 4.0\r\nSTATION XX_NOPE\rDATA\rEND\r\n")
        await asyncio.sleep(0.5)
        assert 0 < server.progress.number <= 2 * 2000
        idle.transport.abort()

    serve(test, loop=True)


def test_paced_replay_ends_without_anyone_listening() -> None:
    async def test(server: ReplayServer) -> None:
        link = client(server, Protocol.V4)
        link.add_stream("*_*")
        await collect(link, 1)
        await server.wait_finished()

    serve(test, ServerOptions(speed=200.0, linger_s=0.05))


class AnnouncingServer(ReplayServer):
    """Tells when a client begins to stream."""

    begun: asyncio.Event

    async def start(self) -> None:
        self.begun = asyncio.Event()
        await super().start()

    def begin(self, request: StartStreaming) -> Cursor:
        self.begun.set()
        return super().begin(request)


def test_resume_by_another_client_wakes_one_that_waits() -> None:
    async def main() -> None:
        options = ServerOptions(speed=0.001, linger_s=0.1)
        async with AnnouncingServer(Timeline(RECORDS), options) as server:
            slow, resumed = client(server, Protocol.V4), client(server, Protocol.V4)
            slow.add_stream("*_*")
            resumed.add_stream("*_*", seqnum=N - 1)
            waiting = asyncio.create_task(collect(slow, N))
            await server.begun.wait()
            assert numbers(await collect(resumed, 1)) == [N]
            assert numbers(await waiting) == list(range(1, N + 1))

    run(main())


def test_live_replay_begins_with_its_first_client_and_info_tells_so() -> None:
    async def test(server: ReplayServer) -> None:
        link = client(server, Protocol.V4)
        link.add_stream("*_*")
        (packet,) = await collect(link, 1)
        start_ns = MS3Record.parse(packet.payload).starttime
        assert (start_ns - START_NS) % NS == 0
        assert 0 <= time.time_ns() - start_ns < DEADLINE_S * NS
        async with client(server, Protocol.V4) as asking:
            streams = (await asking.info_dict("STREAMS"))["station"][0]["stream"]
        assert streams[0]["start_time"] == MS3Record.parse(packet.payload).starttime_str()

    serve(test, ServerOptions(live=True, linger_s=0.1))

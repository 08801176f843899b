"""io/replay_server.py: what a client asks, and what it is sent."""

from __future__ import annotations

import asyncio

import pytest
from seedlink_client.protocol import Protocol, SeedLinkError, SeedLinkPacket

from tests.io.replayed import (
    BOTH,
    RECORDS,
    START_NS,
    N,
    client,
    collect,
    numbers,
    serve,
    wanted,
)
from umamba_rt.errors import UnavailableError
from umamba_rt.io.replay_client import CHUNK_BYTES
from umamba_rt.io.replay_cursor import Cursor
from umamba_rt.io.replay_server import ReplayServer, ServerOptions
from umamba_rt.io.replay_timeline import Timeline
from umamba_rt.wire.record import NS


@BOTH
def test_wildcard_gets_every_record_in_order(protocol: Protocol) -> None:
    async def test(server: ReplayServer) -> list[SeedLinkPacket]:
        link = client(server, protocol)
        link.add_stream("*_*")
        return await collect(link, N)

    assert numbers(serve(test)) == list(range(1, N + 1))


@BOTH
def test_fetch_sends_the_queue_and_end(protocol: Protocol) -> None:
    async def test(server: ReplayServer) -> list[SeedLinkPacket]:
        link = client(server, protocol, dialup=True)
        link.add_stream("*_*")
        return await collect(link)

    assert numbers(serve(test)) == list(range(1, N + 1))


@BOTH
def test_selectors_and_stations_part_the_streams(protocol: Protocol) -> None:
    async def test(server: ReplayServer) -> list[SeedLinkPacket]:
        link = client(server, protocol, dialup=True)
        link.add_stream("CI_CCC", "HHZ HHE")
        link.add_stream("PB_*", "EH?")
        return await collect(link)

    chosen = ("FDSN:CI_CCC__H_H_Z", "FDSN:CI_CCC__H_H_E", "FDSN:PB_B916__E_H_Z")
    assert numbers(serve(test)) == wanted(*chosen)


@BOTH
def test_resume_number_is_the_first_packet_sent(protocol: Protocol) -> None:
    async def test(server: ReplayServer) -> list[SeedLinkPacket]:
        link = client(server, protocol, dialup=True)
        link.add_stream("CI_CCC", seqnum=40)
        link.add_stream("PB_B916", seqnum=60)
        return await collect(link)

    ccc = wanted(*(f"FDSN:CI_CCC__H_H_{c}" for c in "ENZ"))
    b916 = wanted("FDSN:PB_B916__E_H_Z")
    expected = sorted([n for n in ccc if n > 40] + [n for n in b916 if n > 60])
    assert numbers(serve(test)) == expected


@BOTH
def test_time_window_gives_what_overlaps_it(protocol: Protocol) -> None:
    async def test(server: ReplayServer) -> list[SeedLinkPacket]:
        # v3's TIME with an end ends by itself; v4 ends in dial-up mode only.
        link = client(server, protocol, dialup=protocol is Protocol.V4)
        link.add_stream("CI_CCC", "HHZ")
        link.set_timewindow("2019-07-04T16:50:20Z", "2019-07-04T16:50:30Z")
        return await collect(link)

    start_ns, end_ns = START_NS // NS * NS + 21 * NS, START_NS // NS * NS + 31 * NS
    expected = [
        n
        for n in wanted("FDSN:CI_CCC__H_H_Z")
        if RECORDS[n - 1].end_ns > start_ns and RECORDS[n - 1].start_ns < end_ns
    ]
    assert numbers(serve(test)) == expected
    assert len(expected) > 3


@BOTH
def test_info_tells_the_streams_before_the_clock_runs(protocol: Protocol) -> None:
    async def test(server: ReplayServer) -> str:
        async with client(server, protocol) as link:
            for item in ("ID", "CAPABILITIES", "STATIONS"):
                assert "umamba-rt-replay" in await link.info(item)
            return await link.info("STREAMS")

    text = serve(test, ServerOptions(speed=1.0))
    assert all(name in text for name in ("CCC", "B916", "WBM"))


@BOTH
def test_keep_alive_is_answered_while_streaming(protocol: Protocol) -> None:
    async def test(server: ReplayServer) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        if protocol is Protocol.V4:
            writer.write(b"SLPROTO 4.0\r\nSTATION *\rDATA ALL\rEND\r\nINFO ID\r\nBYE\r\n")
        else:
            writer.write(b"STATION * *\r\nDATA\r\nEND\r\nINFO ID\r\nBYE\r\n")
        received = await reader.read(-1)  # until the server closes, as BYE asks
        writer.close()
        await writer.wait_closed()
        return received

    assert (b"SLINFO  " if protocol is Protocol.V3 else b"SEJI") in serve(test)


def test_uni_station_client_gets_every_station() -> None:
    async def test(server: ReplayServer) -> list[SeedLinkPacket]:
        link = client(server, Protocol.V3)
        link.set_all_stations("??Z")
        return await collect(link, 30)

    names = ("FDSN:CI_CCC__H_H_Z", "FDSN:CI_WBM__H_H_Z", "FDSN:PB_B916__E_H_Z")
    assert numbers(serve(test)) == wanted(*names)[:30]


def test_two_clients_go_their_own_ways_and_one_leaving_disturbs_no_one() -> None:
    async def test(server: ReplayServer) -> tuple[list[int], list[int]]:
        first, second = client(server, Protocol.V4), client(server, Protocol.V3)
        first.add_stream("CI_CCC")
        second.add_stream("*_*")
        few = await collect(first, 5)
        many = await collect(second, N)
        return numbers(few), numbers(many)

    few, many = serve(test)
    assert few == [1, 2, 3, 6, 7]
    assert many == list(range(1, N + 1))


def test_client_that_stops_reading_slows_itself_only_and_fills_no_memory() -> None:
    async def test(server: ReplayServer) -> None:
        _, idle = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        idle.write(b"SLPROTO 4.0\r\nSTATION *\rDATA ALL\rEND\r\n")
        link = client(server, Protocol.V4)
        link.add_stream("*_*")
        # 25 thousand packets are 13 MB, more than both sockets' kernel buffers hold.
        assert len(await collect(link, 25_000)) == 25_000
        for served in server._clients.values():
            waiting = served._writer.transport.get_write_buffer_size()
            assert waiting <= 3 * CHUNK_BYTES
        idle.transport.abort()

    serve(test, loop=True)


def test_error_of_ours_ends_the_connection_and_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_cursor: Cursor) -> None:
        raise RuntimeError("our bug")

    async def test(server: ReplayServer) -> list[object]:
        reported: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: reported.append(context["exception"]))
        link = client(server, Protocol.V4)
        link.add_stream("*_*")
        await link.connect()
        with pytest.raises(SeedLinkError, match="closed"):
            await anext(link.collect(reconnect=False))
        return reported

    monkeypatch.setattr(Cursor, "take", fail)
    (error,) = serve(test)
    assert str(error) == "our bug"


def test_garbage_closes_its_own_connection_only() -> None:
    async def test(server: ReplayServer) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"\x16\x03\x01\x00 TLS hello, or so\r\n")
        assert await reader.read(-1) == b"ERROR\r\n"
        writer.close()
        await writer.wait_closed()
        link = client(server, Protocol.V4)
        link.add_stream("*_*")
        assert len(await collect(link, 3)) == 3

    serve(test)


def test_commands_after_end_are_not_answered() -> None:
    async def test(server: ReplayServer) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"SLPROTO 4.0\r\nSTATION XX_NOPE\rDATA\rENDFETCH\r\n")
        await reader.readuntil(b"END")
        writer.write(b"DATA\r\nINFO ID\r\n")
        assert await reader.read(-1) == b""
        writer.close()
        await writer.wait_closed()

    serve(test)


def test_unknown_station_is_accepted_and_sends_nothing() -> None:
    async def test(server: ReplayServer) -> list[SeedLinkPacket]:
        link = client(server, Protocol.V4, dialup=True)
        link.add_stream("XX_NOPE")
        return await collect(link)

    assert serve(test) == []


def test_port_that_is_taken_is_unavailable() -> None:
    async def test(server: ReplayServer) -> None:
        with pytest.raises(UnavailableError, match=f"127.0.0.1:{server.port}"):
            await ReplayServer(Timeline(RECORDS), ServerOptions(port=server.port)).start()

    serve(test)


def test_port_before_the_start_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="not started"):
        _ = ReplayServer(Timeline(RECORDS)).port

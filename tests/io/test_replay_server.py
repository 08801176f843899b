from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import numpy as np
import pytest
from pymseed import MS3Record
from seedlink_client import AsyncSeedLink
from seedlink_client.protocol import Protocol, SeedLinkError, SeedLinkPacket

from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import Segment
from umamba_rt.errors import UnavailableError
from umamba_rt.io.replay_client import CHUNK_BYTES
from umamba_rt.io.replay_cursor import Cursor
from umamba_rt.io.replay_server import ReplayServer, ServerOptions
from umamba_rt.io.replay_timeline import Timeline
from umamba_rt.wire.record import NS, ReplayRecord, pack_segment
from umamba_rt.wire.seedlink_events import StartStreaming

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


def run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(main, DEADLINE_S))


def serve(
    test: Callable[[ReplayServer], Awaitable[T]],
    options: ServerOptions = FAST,
    *,
    loop: bool = False,
) -> T:
    async def main() -> T:
        async with ReplayServer(Timeline(RECORDS, loop=loop), options) as server:
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


def test_obspys_client_streams_and_reads_info() -> None:
    from obspy import Trace
    from obspy.clients.seedlink.easyseedlink import EasySeedLinkClient

    traces: list[Trace] = []

    class EnoughError(Exception):
        """Ends the client's loop; its own ``terminate`` is forgotten by its next round."""

    class Listener(EasySeedLinkClient):  # type: ignore[misc]
        def on_data(self, trace: Trace) -> None:
            traces.append(trace)
            if len(traces) == 12:
                raise EnoughError

    def listen(port: int) -> str:
        # obspy 1.5.1 cannot connect without a timeout, which only the connection takes.
        listener = Listener(f"127.0.0.1:{port}", autoconnect=False)
        listener.conn.timeout = 10
        listener.connect()
        assert listener.has_capability("multistation")
        assert listener.has_info_capability("STREAMS")
        streams = str(listener.get_info("STREAMS"))
        listener.select_stream("CI", "CCC", "HH?")
        listener.select_stream("PB", "B916", "EHZ")
        with pytest.raises(EnoughError):
            listener.run()
        listener.close()
        return streams

    async def test(server: ReplayServer) -> str:
        return await asyncio.to_thread(listen, server.port)

    streams = serve(test)
    assert 'seedname="EHZ"' in streams
    assert {trace.id for trace in traces} == {
        *(f"CI.CCC..HH{c}" for c in "ENZ"),
        "PB.B916..EHZ",
    }
    assert traces[0].stats.starttime.ns == START_NS


@pytest.mark.skipif(shutil.which("slinktool") is None, reason="slinktool is not installed")
def test_slinktool_lists_and_fetches() -> None:
    def ask(*arguments: str) -> str:
        return subprocess.run(
            ["slinktool", *arguments], check=True, capture_output=True, text=True, timeout=10
        ).stdout

    async def test(server: ReplayServer) -> tuple[str, str]:
        where = f"127.0.0.1:{server.port}"
        streams = await asyncio.to_thread(ask, "-Q", where)
        return streams, await asyncio.to_thread(ask, "-p", "-d", "-S", "CI_CCC:HHZ", where)

    streams, packets = serve(test)
    assert "CCC" in streams
    assert packets.count("CI_CCC") == len(wanted("FDSN:CI_CCC__H_H_Z"))

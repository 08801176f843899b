"""io/seedlink.py against real servers on the loopback: ours, and scripted ones that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import Literal

import pytest
from structlog.testing import capture_logs

from tests.io.seedlink_peers import (
    OPTIONS,
    Script,
    handshake_v3,
    payloads_of,
    read,
    reader_of,
    scripted,
    sending_v3,
    sending_v4,
)
from tests.support import free_port, records_of
from umamba_rt.core.pipeline import Pipeline, PipelineSettings
from umamba_rt.errors import RecordError
from umamba_rt.ingest import DataClock, Ingest
from umamba_rt.io.replay_server import ReplayServer, ServerOptions
from umamba_rt.io.replay_timeline import Timeline
from umamba_rt.io.seedlink import SeedLinkReader
from umamba_rt.wire.seedlink_frames import Protocol, data_frame


@pytest.mark.parametrize("protocol", ["v3", "v4", "auto"])
def test_every_record_of_a_server_comes_once_and_in_order(
    protocol: Literal["auto", "v3", "v4"],
) -> None:
    records = records_of()

    async def run() -> list[bytes]:
        async with ReplayServer(Timeline(records), OPTIONS) as server:
            return await read(reader_of(server.port, protocol=protocol), len(records))

    assert asyncio.run(run()) == payloads_of(records)


@pytest.mark.parametrize("protocol", ["v3", "v4"])
def test_selectors_choose_stations_and_channels(protocol: Literal["v3", "v4"]) -> None:
    records = [*records_of("AA_ONE"), *records_of("AA_TWO", seed=1), *records_of("BB_ONE", seed=2)]
    records.sort(key=lambda record: (record.end_ns, str(record.source_id)))
    wanted = [
        record
        for record in records
        if record.source_id.station_id == "AA_ONE"
        or (record.source_id.station_id == "BB_ONE" and record.source_id.channel == "HHZ")
    ]

    async def run() -> list[bytes]:
        async with ReplayServer(Timeline(records), OPTIONS) as server:
            reader = reader_of(server.port, "AA_ONE", "BB_ONE:HHZ", protocol=protocol)
            return await read(reader, len(wanted))

    assert asyncio.run(run()) == payloads_of(wanted)


@pytest.mark.parametrize("protocol", ["v3", "v4"])
def test_killed_server_is_found_again_and_nothing_is_lost_or_doubled(
    protocol: Literal["v3", "v4"],
) -> None:
    records = [*records_of("AA_ONE", 120), *records_of("AA_TWO", 120, seed=1)]
    records.sort(key=lambda record: (record.end_ns, str(record.source_id)))
    port = free_port()
    # Paced, so that the kill finds packets not yet sent.
    options = ServerOptions(port=port, speed=100.0, linger_s=30.0)

    async def run() -> tuple[list[bytes], SeedLinkReader]:
        reader = reader_of(port, "AA_ONE", "AA_TWO", protocol=protocol)
        payloads: list[bytes] = []
        server = ReplayServer(Timeline(records), options)
        await server.start()
        async with asyncio.timeout(30):
            async for packet in reader.packets():
                payloads.append(packet.payload)
                if len(payloads) in (20, 150):
                    await server.close(abort=True)
                    server = ReplayServer(Timeline(records), options)
                    await server.start()
                if len(payloads) == len(records):
                    break
        await server.close()
        return payloads, reader

    payloads, reader = asyncio.run(run())
    assert sorted(payloads) == sorted(payloads_of(records))
    assert reader.counts.connects == 3


def test_station_that_a_server_accepts_but_does_not_have_does_not_stop_the_others() -> None:
    records = records_of()

    async def run() -> list[bytes]:
        async with ReplayServer(Timeline(records), OPTIONS) as server:
            return await read(reader_of(server.port, "XX_NONE", "AA_ONE"), len(records))

    assert asyncio.run(run()) == payloads_of(records)


async def _http(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    await source.readline()
    sink.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await sink.drain()


async def _mute(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    await source.read()


async def _closing(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    await source.readline()


async def _garbage(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    await handshake_v3(source, sink)
    sink.write(bytes(range(256)) * 20)
    await sink.drain()


async def _silent(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    await handshake_v3(source, sink)
    await source.read()


async def _refusing(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    await source.readline()
    sink.write(b"SeedLink v3.1 (2020.075) :: SLPROTO:3.1\r\nTest\r\n")
    while await source.readline():
        sink.write(b"ERROR\r\n")


async def _bomb(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """A v4 JSON error that no parser can follow to its end."""
    while line := await source.readuntil(b"\r"):
        if line.strip() == b"HELLO":
            sink.write(b"SeedLink v4.0 (test) :: SLPROTO:4.0\r\nTest\r\n")
        elif line.strip() == b"END":
            break
        else:
            sink.write(b"OK\r\n")
    document = b"[" * 200_000
    sink.write(struct.pack("<2sccIQB", b"SE", b"J", b"E", len(document), 0, 0) + document)
    await source.read()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (_bomb, "recursion"),
        (_http, "no SeedLink server: 'HTTP/1.1 400 Bad Request'"),
        (_mute, "Timed out connecting"),
        (_closing, "Connection closed"),
        (_garbage, "Unexpected data in stream"),
        (_silent, "No data for over 1s"),
        (_refusing, "No stations accepted"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_server_that_misbehaves_is_named_left_and_tried_again(script: Script, reason: str) -> None:
    records = records_of(seconds=20)
    packets = [
        data_frame(Protocol.V3, number, "", one.payload) for number, one in enumerate(records, 1)
    ]

    async def run() -> tuple[list[bytes], SeedLinkReader]:
        async with scripted(script, sending_v3(*packets)) as port:
            reader = reader_of(port, idle_timeout_s=1.0)
            return await read(reader, len(packets)), reader

    with capture_logs() as logs:
        payloads, reader = asyncio.run(run())
    assert payloads == payloads_of(records)
    assert reader.counts.failures == 1
    (failure,) = [entry for entry in logs if entry["event"] == "seedlink_failed"]
    assert reason in failure["reason"]
    assert failure["server"].startswith("127.0.0.1:")


def test_port_where_nobody_listens_is_tried_until_somebody_does() -> None:
    records = records_of(seconds=20)
    port = free_port()

    async def run() -> list[bytes]:
        reader = reader_of(port)
        reading = asyncio.create_task(read(reader, len(records)))
        while reader.counts.failures < 3:  # noqa: ASYNC110 - a count, not an event
            await asyncio.sleep(0.01)
        async with ReplayServer(Timeline(records), ServerOptions(port=port, linger_s=30.0)):
            return await reading

    with capture_logs() as logs:
        assert asyncio.run(run()) == payloads_of(records)
    # However often it was tried.
    assert [entry["event"] for entry in logs] == [
        "seedlink_failed",
        "seedlink_reconnecting",
        "seedlink_connected",
    ]
    assert logs[0]["attempts"] == 1
    assert 0.02 <= logs[1]["pause_s"] <= 0.1


def test_packet_is_cut_in_the_middle_and_comes_whole_after_the_reconnect() -> None:
    records = records_of(seconds=20)
    packets = [
        data_frame(Protocol.V3, number, "", one.payload) for number, one in enumerate(records, 1)
    ]

    async def cutting(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        await handshake_v3(source, sink)
        sink.write(packets[0] + packets[1][:300])
        await sink.drain()

    async def run() -> list[bytes]:
        async with scripted(cutting, sending_v3(*packets[1:])) as port:
            return await read(reader_of(port), len(packets))

    assert asyncio.run(run()) == payloads_of(records)


@pytest.mark.parametrize("protocol", ["v3", "v4"])
def test_record_of_another_station_than_its_v4_frame_is_refused(
    protocol: Literal["v3", "v4"],
) -> None:
    records = records_of(seconds=20)
    payloads = payloads_of(records)
    flipped = bytearray(payloads[1])
    flipped[8] ^= 1  # AA_ONE becomes AA_NNE: no checksum covers it
    payloads[1] = bytes(flipped)
    names = ["AA_ONE", "AA_ONE", "aa_one", "AA.ONE", "FDSN:AA_ONE", "ONE", ""]
    names += ["AA_ONE"] * (len(payloads) - len(names))
    kind, sending = {
        "v3": (Protocol.V3, sending_v3),
        "v4": (Protocol.V4, sending_v4),
    }[protocol]
    frames = [
        data_frame(kind, number, name, payload)
        for number, (name, payload) in enumerate(zip(names, payloads, strict=True), 1)
    ]

    async def run() -> Ingest:
        ingest = Ingest(Pipeline(PipelineSettings(max_future_s=None)), DataClock())
        async with scripted(sending(*frames)) as port:
            packets = reader_of(port, protocol=protocol).packets()
            for _ in frames:
                packet = await anext(packets)
                with contextlib.suppress(RecordError):
                    ingest.record(
                        packet.payload, source=packet.source, station_id=packet.framed_station
                    )
            await packets.aclose()  # type: ignore[attr-defined]
        return ingest

    ingest = asyncio.run(run())
    found = {group.station for group in ingest.pipeline.sensors}
    assert (ingest.records, ingest.records_refused) == (len(frames), int(protocol == "v4"))
    assert found == ({"ONE"} if protocol == "v4" else {"ONE", "NNE"})

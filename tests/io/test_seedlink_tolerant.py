"""io/seedlink_tolerant.py: one bad part of many is no reason to hang up, and takes no memory."""

from __future__ import annotations

import asyncio
import struct

import pytest

from tests.io.seedlink_peers import (
    payloads_of,
    read,
    reader_of,
    scripted,
    sending_v3,
    sending_v4,
)
from tests.support import free_port, records_of
from umamba_rt.wire.seedlink_frames import Protocol, data_frame


def test_one_station_that_a_v4_server_refuses_does_not_stop_the_others() -> None:
    records = records_of()

    async def refusing(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while line := await source.readuntil(b"\r"):
            command = line.strip()
            if command == b"HELLO":
                sink.write(b"SeedLink v4.0 (test) :: SLPROTO:4.0\r\nTest\r\n")
            elif command == b"STATION XX_NONE":
                sink.write(b"ERROR ARGUMENTS unknown station\r\n")
            elif command == b"END":
                break
            else:
                sink.write(b"OK\r\n")
        sink.writelines(
            data_frame(Protocol.V4, number, record.source_id.station_id, record.payload)
            for number, record in enumerate(records, 1)
        )
        await source.read()

    async def run() -> tuple[list[bytes], list[str]]:
        async with scripted(refusing) as port:
            reader = reader_of(port, "XX_NONE", "AA_ONE")
            return await read(reader, len(records)), reader.counts.rejected

    payloads, rejected = asyncio.run(run())
    assert payloads == payloads_of(records)
    assert rejected == ["XX_NONE: STATION XX_NONE: unknown station"]


def test_damaged_v3_record_is_handed_on_and_the_next_ones_follow() -> None:
    records = records_of(seconds=20)
    damaged = [
        b"\xff" * 512,  # no record at all
        records[0].payload[:40] + b"\xff" * 472,  # a header, and garbage behind it
        b"000001D " + b"\xe9\xe9\xe9\xe9\xe9" + records[0].payload[13:],  # letters beyond ASCII
    ]
    payloads = [payloads_of(records)[0], *damaged, *payloads_of(records)[1:]]
    packets = [
        data_frame(Protocol.V3, number, "", payload) for number, payload in enumerate(payloads, 1)
    ]

    async def run() -> tuple[list[bytes], int]:
        async with scripted(sending_v3(*packets)) as port:
            reader = reader_of(port)
            return await read(reader, len(packets)), reader.counts.connects

    received, connects = asyncio.run(run())
    assert received == payloads
    assert connects == 1


def test_v4_packet_with_a_name_that_is_none_is_handed_on_and_the_next_ones_follow() -> None:
    records = records_of(seconds=20)
    good = [
        data_frame(Protocol.V4, n, one.source_id.station_id, one.payload)
        for n, one in enumerate(records, 1)
    ]
    head, name, payload = good[0][:16], b"XX_A\xc9", records[0].payload
    damaged = [
        head + bytes([len(name)]) + name + payload,
        head + bytes([200]) + b"X" * 200 + payload,
        head[:2] + b"\xe9\xe9" + head[4:] + good[0][16:],  # a format that is no letter
    ]
    packets = [good[0], *damaged, *good[1:]]

    async def run() -> tuple[list[tuple[str, bytes]], int]:
        async with scripted(sending_v4(*packets)) as port:
            reader = reader_of(port)
            stream, got = reader.packets(), []
            async for packet in stream:
                got.append((packet.framed_station, packet.payload))
                if len(got) == len(packets):
                    break
            await stream.aclose()  # type: ignore[attr-defined]
            return got, reader.counts.connects

    got, connects = asyncio.run(run())
    framed = [one.source_id.station_id for one in records]
    assert [station for station, _ in got] == [framed[0], "", "", framed[0], *framed[1:]]
    assert [one for _, one in got] == [payload] * 3 + payloads_of(records)
    assert connects == 1


def test_server_that_ends_its_lines_with_a_line_feed_alone_is_read() -> None:
    records = records_of(seconds=20)
    packets = [data_frame(Protocol.V3, n, "", one.payload) for n, one in enumerate(records, 1)]

    async def run() -> list[bytes]:
        async with scripted(sending_v3(*packets, end=b"\n")) as port:
            return await read(reader_of(port), len(packets))

    assert asyncio.run(run()) == payloads_of(records)


def test_header_that_claims_gigabytes_takes_no_memory() -> None:
    records = records_of(seconds=20)
    name = b"FDSN:XX_AAA__H_H_Z"
    header = struct.pack(
        "<2sBBIHHBBBBdIIBBHI",
        b"MS",
        3,
        0,
        0,
        2020,
        1,
        0,
        0,
        0,
        11,
        100.0,
        100,
        0,
        1,
        len(name),
        0,
        0xF0000000,
    )
    payloads = [(header + name).ljust(512, b"\0"), *payloads_of(records)]
    packets = [data_frame(Protocol.V3, number, "", one) for number, one in enumerate(payloads, 1)]

    async def run() -> tuple[list[bytes], int]:
        async with scripted(sending_v3(*packets)) as port:
            reader = reader_of(port)
            return await read(reader, len(packets)), len(reader._client._recv_buf)

    received, buffered = asyncio.run(run())
    assert received == payloads
    assert buffered < 2**20


def test_invented_station_names_do_not_fill_the_memory() -> None:
    client = reader_of(free_port())._client
    for number in range(25_000):
        client._streams_matching(f"XX_{number}")
    assert len(client._match_cache) <= 10_001


def test_many_stations_of_a_slow_server_are_all_asked_for() -> None:
    """Each answer has the time limit, not all of them together."""
    records = records_of(seconds=20)
    packets = [data_frame(Protocol.V3, n, "", one.payload) for n, one in enumerate(records, 1)]

    async def slow(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        await source.readline()
        sink.write(b"SeedLink v3.1 (2020.075) :: SLPROTO:3.1\r\nTest\r\n")
        while not (await source.readline()).startswith(b"END"):
            await asyncio.sleep(0.1)
            sink.write(b"OK\r\n")
        sink.writelines(packets)
        await source.read()

    async def run() -> list[bytes]:
        async with scripted(slow) as port:
            return await read(reader_of(port, *[f"AA_N{n}" for n in range(12)]), len(packets))

    assert asyncio.run(run()) == payloads_of(records)


def test_a_name_that_is_not_ascii_is_no_reason_to_hang_up() -> None:
    records = records_of(seconds=20)
    packets = [data_frame(Protocol.V3, n, "", one.payload) for n, one in enumerate(records, 1)]

    async def named(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        await source.readline()
        greeting = "SeedLink v3.1 (2020.075) :: SLPROTO:3.1\r\nObservatório\r\n".encode()
        for place in range(0, len(greeting), 7):
            sink.write(greeting[place : place + 7])
            await sink.drain()
            await asyncio.sleep(0.002)
        while not (await source.readline()).startswith(b"END"):
            sink.write(b"OK\r\n")
        sink.writelines(packets)
        await source.read()

    async def run() -> list[bytes]:
        async with scripted(named) as port:
            return await read(reader_of(port), len(packets))

    assert asyncio.run(run()) == payloads_of(records)


def test_an_answer_without_an_end_is_given_up() -> None:
    async def endless(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        await source.readline()
        while True:
            sink.write(b"x" * 1000)
            await sink.drain()

    async def run() -> str:
        async with scripted(endless) as port:
            reader = reader_of(port)
            with pytest.raises(TimeoutError):
                await read(reader, 1, timeout_s=1.0)
            return reader.counts.last_failure

    assert "without an end" in asyncio.run(run())

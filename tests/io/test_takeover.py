"""io/takeover.py: where a stream of another selection goes on."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime

import pytest

from tests.io.seedlink_peers import read, reader_of, scripted, sending_v3
from tests.support import records_of
from umamba_rt.io.takeover import origin_of
from umamba_rt.wire.seedlink_frames import Protocol, data_frame


@pytest.mark.parametrize(
    ("station", "former", "found"),
    [
        ("AA_ONE", {"AA_ONE": 5, "AA_*": 3}, "AA_ONE"),
        ("AA_ONE", {"AA_*": 3, "*_*": 7}, "AA_*"),
        ("AA_*", {"AA_ONE": 5, "AA_TWO": 4, "BB_ONE": 1}, "AA_TWO"),
        ("AA_ONE", {"BB_*": 3}, None),
        ("AA_ONE", {"AA_ONE": None, "*_*": 3}, None),
        ("AA_ONE", {"AA_*": None}, None),
    ],
)
def test_stream_goes_on_behind_its_own_else_behind_the_one_furthest_back(
    station: str, former: dict[str, int | None], found: str | None
) -> None:
    assert origin_of(station, former) == found


def test_a_stream_is_asked_for_by_the_number_and_the_time_of_its_latest_packet() -> None:
    """Servers hold them against each other; the time must not be that of the last negotiation."""
    records = records_of(seconds=20)
    packets = [
        data_frame(Protocol.V3, number, "", one.payload) for number, one in enumerate(records, 1)
    ]
    asked: list[bytes] = []

    async def noting(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        await source.readline()
        sink.write(b"SeedLink v3.1 (2020.075) :: SLPROTO:3.1\r\nTest\r\n")
        while (line := await source.readline()) and not line.startswith(b"END"):
            asked.append(line.strip())
            sink.write(b"ERROR\r\n" if line.startswith(b"INFO") else b"OK\r\n")
        await source.read()  # until the client leaves

    async def run() -> None:
        async with scripted(sending_v3(*packets[:2]), sending_v3(*packets[2:7]), noting) as port:
            former = reader_of(port, "AA_ONE")
            await read(former, 2)
            await read(former, 5)
            other = reader_of(port, "AA_ONE")
            other.take_over(former)
            with contextlib.suppress(TimeoutError):
                await read(other, 1, timeout_s=2.0)

    asyncio.run(run())
    (wanted,) = {line for line in asked if line.startswith(b"DATA ")}
    time = datetime.fromtimestamp(records[6].start_ns // 10**9, UTC)
    assert wanted.split()[:2] == [b"DATA", b"8"]
    assert [int(part) for part in wanted.split()[2].split(b",")] == list(time.timetuple()[:6])

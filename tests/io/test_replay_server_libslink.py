"""io/replay_server.py spoken to as slinktool speaks, in both of its protocol generations.

slinktool is packaged nowhere that the tests could take it from, so tests/io/libslink_peer.py says
what it says. Where slinktool itself is installed, tests/io/test_replay_server.py runs it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from operator import methodcaller
from typing import TypeVar

import pytest

from tests.io.libslink_peer import NEW, OLD, Dialect, Link, PacketV4
from tests.support import records_of
from umamba_rt.io.replay_server import ReplayServer, ServerOptions
from umamba_rt.io.replay_timeline import Timeline
from umamba_rt.wire.record import NS, ReplayRecord

T = TypeVar("T")
DEADLINE_S = 20.0
RECORDS = sorted(
    [*records_of("CI_CCC"), *records_of("PB_B916", seed=1)],
    key=lambda record: (record.end_ns, str(record.source_id)),
)
NUMBER_OF = {record.payload: number for number, record in enumerate(RECORDS, start=1)}
ALL = list(range(1, len(RECORDS) + 1))
# The window 20 to 30 s after the records' start, 2020-09-13T12:26:40Z.
BEGIN, END = b"2020,09,13,12,27,00", b"2020,09,13,12,27,10"
BOTH = pytest.mark.parametrize("dialect", [OLD, NEW], ids=["slinktool4", "slinktool5"])


def numbers(packets: list[bytes]) -> list[int]:
    """Sequence numbers as ``sl_sequence`` reads them, after a look that each has its record."""
    assert all(packet.startswith(b"SL") for packet in packets)
    found = [int(packet[2:8], 16) for packet in packets]
    assert found == [NUMBER_OF[packet[8:]] for packet in packets]
    return found


def wanted(predicate: Callable[[ReplayRecord], bool]) -> list[int]:
    return [number for number, record in enumerate(RECORDS, start=1) if predicate(record)]


def in_window(record: ReplayRecord) -> bool:
    begin_ns = 1_600_000_020 * NS
    return record.end_ns > begin_ns and record.start_ns < begin_ns + 10 * NS


def talk(
    conversation: Callable[[Link], Awaitable[T]], dialect: Dialect = OLD, *, hello: bool = True
) -> T:
    async def main() -> T:
        async with (
            asyncio.timeout(DEADLINE_S),
            ReplayServer(Timeline(RECORDS), ServerOptions(linger_s=0.1)) as server,
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            link = Link(reader, writer, dialect)
            try:
                if hello:
                    await link.say_hello()
                return await conversation(link)
            finally:
                writer.transport.abort()

    return asyncio.run(main())


@BOTH
def test_ping_reads_two_lines_that_fit_its_buffers(dialect: Dialect) -> None:
    async def ping(link: Link) -> list[bytes]:
        return [await link.ask(b"HELLO"), await link.response()]

    # slinktool -P: 100 bytes for each line, of which version 5 fills 98; what is over would be
    # taken for the next line.
    assert all(len(line) <= 98 for line in talk(ping, dialect, hello=False))


@BOTH
def test_info_carries_every_attribute_that_is_printed(dialect: Dialect) -> None:
    for item in (b"ID", b"STATIONS", b"STREAMS"):  # -I, -L, -Q
        root, records = talk(methodcaller("info", item), dialect)
        assert root.tag == "seedlink"
        assert all(root.get(name) for name in ("software", "organization", "started"))
        assert not any(record.sourceid.endswith("_E_R_R") for record in records)
    assert len(records) > 2  # the list is long enough for an asterisk
    stations = {f"{s.get('network')}_{s.get('name')}": s for s in root}
    assert set(stations) == {"CI_CCC", "PB_B916"}
    for station in stations.values():
        assert station.get("description")
        assert station.get("stream_check") == "enabled"
        assert [s.get("seedname") for s in station] == ["HHE", "HHN", "HHZ"]
        for stream in station:
            assert (stream.get("location"), stream.get("type")) == ("", "D")
            assert stream.get("begin_time", "") < stream.get("end_time", "")


@pytest.mark.parametrize("item", [b"GAPS", b"CONNECTIONS", b"ALL"])  # -G, -C, -i ALL
def test_info_that_is_not_served_ends_with_an_error_record(item: bytes) -> None:
    _, records = talk(lambda link: link.info(item))
    assert [record.sourceid for record in records] == ["FDSN:XX_INFO__E_R_R"]


def chosen(record: ReplayRecord) -> bool:
    channel = f"{record.source_id.station_id} {record.source_id.subsource}"
    return channel in ("CI_CCC Z", "CI_CCC E", "PB_B916 Z")


@BOTH
def test_multi_station_gets_its_streams_as_they_come(dialect: Dialect) -> None:
    expected = wanted(chosen)

    async def collect(link: Link) -> list[bytes]:
        # DATA alone is "the next packet": the first, where the replay begins with this client.
        await link.negotiate(b"DATA")
        return await link.packets(len(expected))

    assert numbers(talk(collect, dialect)) == expected


@BOTH
def test_batch_mode_is_not_answered_until_the_packets_come(dialect: Dialect) -> None:
    async def collect(link: Link) -> list[bytes]:
        assert await link.ask(b"BATCH") == b"OK\r\n"
        await link.negotiate(b"FETCH", replies=False)  # -b -d
        return await link.packets()

    assert numbers(talk(collect, dialect)) == wanted(chosen)


@BOTH
def test_time_window_of_several_stations_ends_by_itself(dialect: Dialect) -> None:
    async def collect(link: Link) -> list[bytes]:
        await link.negotiate(b"TIME " + BEGIN + b" " + END)  # -tw
        return await link.packets()

    expected = wanted(lambda record: chosen(record) and in_window(record))
    assert numbers(talk(collect, dialect)) == expected
    assert len(expected) > 5


@BOTH
@pytest.mark.parametrize("seconds", [b"", b" 2020,09,13,12,26,50", b" 2020,09,13,12,26,50,9979"])
def test_state_file_resumes_behind_the_last_packet(dialect: Dialect, seconds: bytes) -> None:
    # -x: the number after the last one, in six digits; slinktool 5 adds the last record's start,
    # whose ten-thousandths of a second libslink 4.0 did not yet cut off.
    async def collect(link: Link) -> list[bytes]:
        await link.negotiate(b"FETCH 00001F" + seconds)
        return await link.packets()

    assert numbers(talk(collect, dialect)) == [n for n in wanted(chosen) if n >= 0x1F]


@BOTH
def test_refused_selector_or_station_is_one_reply_and_the_rest_goes_on(dialect: Dialect) -> None:
    async def collect(link: Link) -> list[bytes]:
        refused = [await link.ask(b"STATION C/C CI"), await link.ask(b"STATION CCC CI")]
        refused += [await link.ask(b"SELECT HHZZZZ"), await link.ask(b"SELECT HHN")]
        # The text between two CR is what EXTREPLY allows; the reply is still one line.
        assert [reply[:6] for reply in refused] == [b"ERROR\r", b"OK\r\n", b"ERROR\r", b"OK\r\n"]
        assert await link.ask(b"FETCH") == b"OK\r\n"
        link.send(b"END")
        return await link.packets()

    assert numbers(talk(collect, dialect)) == wanted(
        lambda record: str(record.source_id) == "FDSN:CI_CCC__H_H_N"
    )


@BOTH
@pytest.mark.parametrize("action", [b"DATA", b"FETCH", b"TIME " + BEGIN, b"DATA 000001"])
def test_uni_station_mode_begins_without_a_reply(dialect: Dialect, action: bytes) -> None:
    def expect(record: ReplayRecord) -> bool:
        begins = not action.startswith(b"TIME") or record.end_ns > 1_600_000_020 * NS
        return record.source_id.subsource == "Z" and begins

    async def collect(link: Link) -> list[bytes]:
        assert await link.ask(b"SELECT HHZ") == b"OK\r\n"  # -s HHZ
        link.send(action)
        return await link.packets(len(wanted(expect)))

    assert numbers(talk(collect, dialect)) == wanted(expect)


@BOTH
def test_keep_alive_comes_whole_between_packets(dialect: Dialect) -> None:
    async def collect(link: Link) -> list[bytes]:
        link.send(b"DATA")
        packets = await link.packets(5)
        link.send(b"INFO ID")  # -k
        return packets + await link.packets(len(ALL) - 5 + 1)

    packets = talk(collect, dialect)
    (answer,) = (packet for packet in packets if packet.startswith(b"SLINFO"))
    assert answer.startswith(b"SLINFO  ")  # "non-terminated keep-alive packet" otherwise
    assert numbers([packet for packet in packets if packet is not answer]) == ALL


def test_commands_that_arrive_byte_by_byte_are_whole_commands() -> None:
    async def collect(link: Link) -> list[bytes]:
        for byte in b"STATION * *\rFETCH\rEND\r":
            link.writer.write(bytes([byte]))
            await link.writer.drain()
            await asyncio.sleep(0)
        assert [await link.response() for _ in range(2)] == [b"OK\r\n"] * 2
        return await link.packets()

    assert numbers(talk(collect)) == ALL


@pytest.mark.parametrize("action", [b"DATA", b"DATA ALL", b"DATA ALL 2020-09-13T12:27:00Z"])
def test_slinktool5_sends_all_v4_commands_before_it_reads_a_reply(action: bytes) -> None:
    def expect(record: ReplayRecord) -> bool:
        begins = not action.endswith(b"Z") or record.end_ns > 1_600_000_020 * NS
        return record.source_id.subsource == "Z" and begins

    async def collect(link: Link) -> list[PacketV4]:
        await link.upgrade()
        commands = [b"STATION CI_CCC", b"SELECT *_H_H_Z", action]
        commands += [b"STATION PB_*", b"SELECT _H_H_Z.D", action]
        for command in commands:
            link.writer.write(command + b"\r")  # in v4 a CR alone, and CR LF behind END
        assert [await link.response() for _ in commands] == [b"OK\r\n"] * len(commands)
        link.send(b"END")
        return [await link.packet_v4() for _ in wanted(expect)]

    packets = talk(collect, NEW, hello=False)
    assert [packet.number for packet in packets] == wanted(expect)
    for packet in packets:
        record = RECORDS[packet.number - 1]
        assert packet.kind == b"2D"
        assert packet.station.decode() == record.source_id.station_id
        assert packet.payload == record.payload


def test_slinktool5_fetches_a_v4_window_up_to_its_end() -> None:
    async def collect(link: Link) -> list[PacketV4]:
        await link.upgrade()
        link.writer.write(b"STATION *\rDATA ALL 2020-09-13T12:27:00Z 2020-09-13T12:27:10Z\r")
        assert [await link.response() for _ in range(2)] == [b"OK\r\n"] * 2
        link.send(b"ENDFETCH")  # -d
        packets = [await link.packet_v4() for _ in wanted(in_window)]
        assert await link.reader.read(-1) == b"END"
        return packets

    packets = talk(collect, NEW, hello=False)
    assert [packet.number for packet in packets] == wanted(in_window)


@pytest.mark.parametrize(
    ("item", "kind"), [(b"ID", b"JI"), (b"STATIONS", b"JI"), (b"STREAMS", b"JI"), (b"GAPS", b"JE")]
)
def test_slinktool5_reads_v4_info_as_one_json_packet(item: bytes, kind: bytes) -> None:
    async def ask(link: Link) -> PacketV4:
        await link.upgrade()
        link.send(b"INFO " + item)
        return await link.packet_v4()

    packet = talk(ask, NEW, hello=False)
    assert (packet.kind, packet.station) == (kind, b"")
    assert len(packet.payload) >= 64  # it waits for so many bytes before it looks at a payload
    assert ("error" in json.loads(packet.payload)) == (kind == b"JE")

"""SeedLink clients that speak as slinktool's library does, byte by byte where that matters.

Source, read, not copied: EarthScope/slinktool:src/slinktool.c and src/slinkxml.c (what is asked and
which attributes are printed), libslink/network.c and libslink/slutils.c at 6057aee (`OLD`: libslink
of 2010, slinktool 4, commands end with CR) and at 46e9e2a (`NEW`: slinktool 5, CR LF),
libslink/genutils.c at 46e9e2a (times and selectors), EarthScope/libslink:slutils.c and payload.c.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from pymseed import MS3Record

PACKET_BYTES = 8 + 512


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one generation of libslink ends a line and what it says of itself in v3."""

    end: bytes
    capabilities: bytes


OLD = Dialect(b"\r", b"CAPABILITIES SLPROTO:3.0 CAP EXTREPLY NSWILDCARD BATCH")
NEW = Dialect(b"\r\n", b"CAPABILITIES EXTREPLY")


@dataclass(frozen=True, slots=True)
class PacketV4:
    """Format and subformat, sequence number, station and payload."""

    kind: bytes
    number: int
    station: bytes
    payload: bytes


class Link:
    """One connection of libslink's."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dialect: Dialect
    ) -> None:
        self.reader, self.writer, self.dialect = reader, writer, dialect

    def send(self, command: bytes) -> None:
        self.writer.write(command + self.dialect.end)

    async def response(self) -> bytes:
        """What ``sl_recvresp`` gives: up to CR LF, and not a byte more is taken."""
        answer = b""
        while not answer.endswith(b"\r\n"):
            answer += await self.reader.readexactly(1)
        return answer

    async def ask(self, command: bytes) -> bytes:
        self.send(command)
        return await self.response()

    async def say_hello(self) -> None:
        """``sl_sayhello``, for a client that keeps to v3."""
        server_id = await self.ask(b"HELLO")
        await self.response()
        name, words = server_id.split(b"::")[0], server_id.split(b"::")[1].split()
        assert name.startswith(b"SeedLink v")
        assert float(name.split()[1][1:]) >= 2.93  # what it asks for before TIME, INFO, resuming
        assert b"SLPROTO:3.1" in words
        assert b"CAP" in words
        assert await self.ask(self.dialect.capabilities) == b"OK\r\n"

    async def packets(self, count: int | None = None) -> list[bytes]:
        """Packets of 520 bytes, ``count`` of them or until END, three bytes and no line."""
        packets: list[bytes] = []
        while count is None or len(packets) < count:
            start = await self.reader.readexactly(3)
            if start == b"END":
                assert not await self.reader.read(-1)  # the server closes behind it
                break
            packet = start + await self.reader.readexactly(PACKET_BYTES - 3)
            # slinktool 5 takes the length from blockette 1000 within the first 128 bytes.
            assert packet[56:58] == (1000).to_bytes(2, "big")
            packets.append(packet)
        return packets

    async def info(self, item: bytes) -> tuple[ET.Element, list[MS3Record]]:
        """``sl_send_info`` and ``info_handler``: records until one without the asterisk."""
        self.send(b"INFO " + item)
        text, records = "", []
        while True:
            (packet,) = await self.packets(1)
            assert packet.startswith(b"SLINFO")
            record = MS3Record.parse(packet[8:], unpack_data=True)
            records.append(record)
            assert record.samplecnt == len(record.datasamples)
            text += bytes(record.datasamples).decode("ascii")
            if packet[7:8] != b"*":
                return ET.fromstring(text), records

    async def negotiate(self, action: bytes, *, replies: bool = True) -> None:
        """-S "CI_CCC:HHZ HHE.D,PB_*:--HHZ": a reply to each command, none to END."""
        for command in (
            *(b"STATION CCC CI", b"SELECT HHZ", b"SELECT HHE.D", action),
            *(b"STATION * PB", b"SELECT --HHZ", action),
            b"END",
        ):
            self.send(command)
            if replies and command != b"END":
                assert await self.response() == b"OK\r\n"

    async def upgrade(self) -> None:
        """``sayhello_int`` of a server that offers 4.0."""
        server_id = await self.ask(b"HELLO")
        await self.response()
        assert b"SLPROTO:4.0" in server_id.split(b"::")[1].split()
        assert await self.ask(b"SLPROTO 4.0") == b"OK\r\n"
        assert await self.ask(b"USERAGENT slinktool/5.0.0 libslink/5.0.0") == b"OK\r\n"

    async def packet_v4(self) -> PacketV4:
        """What ``receive_header`` takes apart."""
        header = await self.reader.readexactly(17)
        signature, kind, length, number, name_length = struct.unpack("<2s2sIQB", header)
        assert signature == b"SE"
        station = await self.reader.readexactly(name_length)
        return PacketV4(kind, number, station, await self.reader.readexactly(length))

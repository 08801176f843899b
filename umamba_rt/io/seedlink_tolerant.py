"""The seedlink-client package's asyncio client, made to go on where one part of many fails.

Private methods are overridden (decision: docs/decisions/0003-seedlink-client.md); the package
is pinned below 0.3 for that.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from pymseed import MiniSEEDError
from seedlink_client import AsyncSeedLink, SeedLinkError
from seedlink_client._commands import Command
from seedlink_client.mseed import detect_record_length
from seedlink_client.protocol import (
    FORMAT_MSEED2,
    HEADSIZE_V3,
    HEADSIZE_V4,
    MAX_LINE_LEN,
    MAX_STATIONID,
    MIN_PAYLOAD_DETECT,
    SIGNATURE_V3,
    SeedLinkResponse,
    _RawFrame,
    decode_frame_v3,
    parse_header_v3,
    parse_header_v4,
)
from seedlink_client.streams import Stream

# Longest record that is believed: 64 KiB is what real dataloggers and archives have at most. A
# miniSEED 3 header may claim 4 GiB, and the client would make room for all of it.
MAX_RECORD_BYTES = 65_536
# Station names kept with what they matched; a peer that invents names must not fill the memory.
MAX_NAMES_CACHED = 10_000
# SeedLink 3 fixes the length of a packet: an 8-byte header and a 512-byte record.
V3_RECORD_BYTES = 512

# It logs commands and answers, and with them passwords; what matters is logged by `seedlink`.
logging.getLogger("seedlink_client").setLevel(logging.CRITICAL)


class TolerantSeedLink(AsyncSeedLink):
    """A client for which one rejected station or one damaged record is no reason to hang up.

    Attributes:
        rejected: what the server refused at the last negotiation, with its reason.
        make_ssl_context: makes each TLS connection's context; None: the parent's.
    """

    def _init_transport(self) -> None:
        super()._init_transport()
        self.rejected: list[str] = []
        self._line_end = b""
        self.make_ssl_context: Callable[[], ssl.SSLContext] | None = None

    def log_in(self, auth: tuple[str, str] | str | None) -> None:
        """Use this name and password, or token, from the next connect on."""
        self._auth = auth

    def _ssl_context(self) -> ssl.SSLContext:
        return self.make_ssl_context() if self.make_ssl_context else super()._ssl_context()

    def matching(self, station_id: str) -> list[str]:
        """What was asked for, as it was written, that a station belongs to."""
        return [stream.station_id for stream in self._streams_matching(station_id)]

    def resume_behind(self, station: str, sequence: int | None, timestamp: str | None) -> None:
        """Ask for a station's packets behind this one at the next negotiation; None: from live."""
        for stream in self._streams:
            if stream.station_id == station:
                stream.seqnum, stream.timestamp = sequence, timestamp
                stream.pending_packet = None  # its time would be taken in place of this one

    def latest(self) -> dict[str, tuple[int | None, str | None]]:
        """The latest packet of each stream: its number and its time; None before any."""
        return {one.station_id: (one.seqnum, one.resolve_timestamp()) for one in self._streams}

    def numbers(self) -> dict[str, int]:
        """The number of the latest packet of each stream that has one."""
        return {one.station_id: one.seqnum for one in self._streams if one.seqnum is not None}

    def _timeout_scope(self) -> AbstractAsyncContextManager[None]:
        """No limit for a whole negotiation: hundreds of stations take their time.

        Each connect, greeting and answer has the limit instead.
        """
        return nullcontext()

    async def _connect_socket(self) -> None:
        self._line_end = b""
        async with asyncio.timeout(self._timeout):
            await super()._connect_socket()

    async def _do_hello(self, promote_protocol: bool = True) -> None:
        async with asyncio.timeout(self._timeout):
            await super()._do_hello(promote_protocol)

    def _streams_matching(self, station_id: str) -> list[Stream]:
        if len(self._match_cache) > MAX_NAMES_CACHED:
            self._match_cache.clear()
        return super()._streams_matching(station_id)

    async def _send_command(self, cmd: Command) -> Any:
        """As the parent, but a v4 ERROR to STATION or DATA only skips that stream.

        The parent drops the whole connection then, and would do so at each new try. A refused
        SELECT leaves the station in without this filter, as in v3.
        """
        try:
            async with asyncio.timeout(self._timeout):
                response = await super()._send_command(cmd)
        except SeedLinkError as error:
            if cmd.role not in ("station", "select", "data") or not self.is_connected:
                raise
            response = SeedLinkResponse("ERROR", error.code, str(error))
        if cmd.role in ("station", "select", "data") and response is not None and not response:
            reason = response.message or "no reason given"
            self.rejected.append(f"{cmd.stream_id}: {cmd.text}: {reason}")
        return response

    async def _read_line(self) -> str:
        """As the parent, which hangs up at what is not ASCII, as in an observatory's name.

        And which waits for CR LF where a server ends its lines with LF alone: the first one shows.
        """
        while True:
            end = self._recv_buf.find(self._line_end or b"\n", self._recv_start, self._recv_end)
            if end >= 0:
                line = bytes(self._recv_buf[self._recv_start : end])
                if not self._line_end:
                    self._line_end = b"\r\n" if line.endswith(b"\r") else b"\n"
                    continue
                self._recv_start = end + len(self._line_end)
                return line.decode("ascii", "replace")
            available = self._recv_end - self._recv_start
            if available >= MAX_LINE_LEN:
                await self.close()
                raise SeedLinkError(f"an answer of over {MAX_LINE_LEN} bytes without an end")
            await self._ensure(available + 1)

    async def _recv_frame_v4(self) -> _RawFrame:
        """As the parent, but what is no station's name is taken for none.

        The parent hangs up, and on resuming meets the same packet again, for ever.
        """
        await self._ensure(HEADSIZE_V4)
        fixed = bytes(self._recv_view[self._recv_start : self._recv_start + HEADSIZE_V4])
        name_bytes = fixed[-1]
        # A format that is no letter is one that nobody knows; the payload says what it is.
        letters = fixed[2:4].decode("ascii", "replace").replace("\ufffd", "?").encode()
        header = parse_header_v4(fixed[:2] + letters + fixed[4:-1] + b"\0")
        body_bytes = name_bytes + header.payload_length
        await self._ensure(HEADSIZE_V4 + body_bytes)
        begin = self._recv_start + HEADSIZE_V4
        body = bytes(self._recv_view[begin : begin + body_bytes])
        self._recv_start = begin + body_bytes
        name, payload = body[:name_bytes], body[name_bytes:]
        is_name = name.isascii() and name_bytes <= MAX_STATIONID
        return _RawFrame(
            station_id=name.decode() if is_name else "",
            seqnum=header.seqnum,
            payload_format=header.payload_format,
            payload_subformat=header.payload_subformat,
            payload=payload,
            info_continues=False,
        )

    async def _recv_frame_v3(self) -> _RawFrame:
        """As the parent, but a record that cannot be decoded is handed on as it came.

        The parent hangs up, and on resuming meets the same record again, for ever.
        """
        header = parse_header_v3(await self._read_exact(HEADSIZE_V3))
        if header.is_info:
            return decode_frame_v3(header, await self._read_exact(V3_RECORD_BYTES))
        payload = await self._read_exact(await self._v3_record_length())
        try:
            return decode_frame_v3(header, payload)
        except (SeedLinkError, MiniSEEDError, ValueError):
            return _RawFrame(
                station_id="",
                seqnum=header.seqnum,
                payload_format=FORMAT_MSEED2,
                payload_subformat="D",
                payload=payload,
                info_continues=False,
            )

    async def _v3_record_length(self) -> int:
        """Length of the next record: 512 bytes, unless it says otherwise and is borne out.

        Some servers send other lengths in v3, too; but where a damaged header claims one, the next
        packet still begins behind 512 bytes. Only a record that claims another length waits here
        for what follows it.
        """
        try:
            found = detect_record_length(await self._peek(MIN_PAYLOAD_DETECT))
        except SeedLinkError:
            if not self.is_connected:
                raise
            return V3_RECORD_BYTES
        length = found[0] if found else V3_RECORD_BYTES
        if length == V3_RECORD_BYTES or length > MAX_RECORD_BYTES:
            return V3_RECORD_BYTES
        behind = (await self._peek(V3_RECORD_BYTES + len(SIGNATURE_V3)))[V3_RECORD_BYTES:]
        return V3_RECORD_BYTES if behind == SIGNATURE_V3 else length

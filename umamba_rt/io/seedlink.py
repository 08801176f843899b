"""Reading one SeedLink server for ever: connect, read, notice silence, resume."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import structlog
from seedlink_client import Protocol, SeedLinkError

from umamba_rt.config.seedlink import SeedLinkConfig
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import rfc3339
from umamba_rt.errors import ServerError, UnavailableError
from umamba_rt.io.login import Login, hide, read_login
from umamba_rt.io.position import Receipt
from umamba_rt.io.seedlink_client import client_of, failure_of, refuse_other_servers
from umamba_rt.io.server_buffer import Extent, extents_v3, extents_v4
from umamba_rt.io.server_positions import ServerPositions
from umamba_rt.io.takeover import origin_of
from umamba_rt.rate_limit import RateLimit
from umamba_rt.wire.seedlink_commands import V3_NUMBER_BITS

# Added to the idle timeout for the guard around each read: the client's own check comes first,
# this one ends a frame that began and never went on.
_GUARD_S = 5.0
# A TLS peer that stopped reading would keep the farewell waiting for half a minute.
_CLOSE_S = 1.0
# A server that is down for days is told of as often, unless the reason changes.
_TELL_AGAIN_S = 600.0


@dataclass(frozen=True, slots=True)
class Packet:
    """One data packet as it came.

    Attributes:
        source: what to call its origin.
        payload: its record's bytes.
        station_id: ``NET_STA``; empty where a v3 record does not say it.
        sequence: its number.
        framed_station: what a v4 frame calls its station; empty in v3, whose frames name none.
    """

    source: str
    payload: bytes
    station_id: str
    sequence: int
    framed_station: str = ""


@dataclass(slots=True)
class ReaderCounts:
    """What a reader has been through, and where it is."""

    packets: int = 0
    connects: int = 0
    failures: int = 0
    protocol: str = ""
    last_failure: str = ""
    rejected: list[str] = field(default_factory=list)


class SeedLinkReader:
    """Packets of one server, in order, across reconnects, none twice.

    After each packet the client remembers its sequence number, and asks for the next one when it
    connects again. What a restarted process asks for is another matter, and lies further back: see
    ``positions``.

    Attributes:
        has_handed_out: whether a packet is with the caller, who has not come back for the next.
    """

    def __init__(self, config: SeedLinkConfig, positions: ServerPositions | None = None) -> None:
        """Prepare; nothing is connected.

        Raises:
            UnavailableError: a file or a variable that the login or TLS needs is not there.
        """
        self.counts = ReaderCounts()
        self.connected = False
        self.has_handed_out = False
        self._leaving = False
        stations = [stream.partition(":")[0] for stream in config.streams]
        self.positions = positions or ServerPositions(stations, 0, None)
        self._config = config
        self._log = structlog.get_logger().bind(server=config.server)
        self._pause_s = config.reconnect_min_s
        self._failures = RateLimit(_TELL_AGAIN_S)
        self._login: Login = read_login(config)
        self._avoids_info = self._refuses_info = False
        self._client = client_of(config)
        if self._login is not None and not config.tls:
            self._log.warning("seedlink_login_unencrypted", hint="tls = true")

    @property
    def config(self) -> SeedLinkConfig:
        """What it was made from."""
        return self._config

    @property
    def server(self) -> str:
        """``host:port`` as configured."""
        return self._config.server

    def recover(self, now_ns: int, max_age_ns: int | None, max_future_ns: int) -> int:
        """Go on where the last run's state says; gives the number of streams that do.

        Args:
            now_ns: see ``ServerPositions.recover``, as for the others.
            max_age_ns: oldest position of use.
            max_future_ns: newest position that can be right.
        """
        self.positions.recover(now_ns, max_age_ns, max_future_ns)
        for station, position in self.positions.recovered.items():
            time = None if position.time_ns is None else rfc3339(position.time_ns)
            self._client.resume_behind(station, position.sequence, time)
        return len(self.positions.recovered)

    def leave(self) -> None:
        """Hand out no further packet; the one at the caller's is the last."""
        self._leaving = True

    def take_over(self, former: SeedLinkReader) -> None:
        """Go on where another reader of the same server has ended; nothing is lost in between."""
        self.positions.take_over(former.positions)
        latest = former._client.latest()
        sequences = {station: sequence for station, (sequence, _) in latest.items()}
        for stream in self._config.streams:
            station = stream.partition(":")[0]
            origin = origin_of(station, sequences)
            if origin is not None:
                self._client.resume_behind(station, *latest[origin])

    def note(self, packet: Packet, segment: Segment | None, now_ns: int) -> bool:
        """Note what became of a packet; True where it is the first one of a stream.

        Args:
            packet: one of this reader's.
            segment: what it held; None where nothing of it can be used.
            now_ns: ``time.monotonic_ns``.
        """
        before = packet.sequence - 1
        if self._client.protocol is Protocol.V3:
            before %= 1 << V3_NUMBER_BITS
        receipt = Receipt(
            sequence=packet.sequence,
            before=before,
            start_ns=0 if segment is None else segment.start_ns,
            end_ns=0 if segment is None else segment.end_ns,
            group=None if segment is None else segment.source_id.group,
            noted_ns=now_ns,
        )
        return self.positions.note(self._client.matching(packet.station_id), receipt)

    async def packets(self) -> AsyncIterator[Packet]:
        """Read until cancelled; a failure is logged, and followed by a pause and a new try."""
        while not self._leaving:
            try:
                await self._connect()
                async for packet in self._read():
                    self.has_handed_out = True
                    yield packet
                    self.has_handed_out = False
                    if self._leaving:
                        return
                self._log.warning("seedlink_closed", reason="the server closed the connection")
                is_news = True
            except ServerError as error:
                self.counts.failures += 1
                self.counts.last_failure = error.reason
                attempts = self._failures.passes_as(error.reason)
                is_news = attempts is not None
                if is_news:
                    self._log.warning("seedlink_failed", reason=error.reason, attempts=attempts)
            finally:
                self.connected = self.has_handed_out = False
                await self._close()
            await self._pause(is_told=is_news)

    async def _connect(self) -> None:
        try:
            self._login = read_login(self._config)
            self._client.log_in(self._login)
            await self._client.connect()
            refuse_other_servers(self._client, self._config, self._login)
            await self._check_positions()
            self._client.rejected.clear()
            await self._client.negotiate()
        except ServerError:
            raise
        except UnavailableError as error:
            raise ServerError(self._config.server, str(error)) from error
        except Exception as error:
            raise failure_of(self._config, error, self._login) from error
        self.counts.connects += 1
        self.counts.rejected = [hide(text, self._login) for text in self._client.rejected]
        self.connected = True
        protocol = self._client.protocol
        self.counts.protocol = protocol.name if protocol else ""
        self._log.info("seedlink_connected", protocol=self.counts.protocol)
        if self._login is not None and protocol is Protocol.V3:
            self._log.warning("seedlink_login_impossible", reason="SeedLink 3 knows no login")
        for rejected in self.counts.rejected:
            self._log.warning("seedlink_stream_rejected", stream=rejected)

    async def _check_positions(self) -> None:
        """Hold what is to be gone on behind against what the server has, at each connect.

        A server that began anew would send nothing until it has come to our number, or never. One
        that does not say what it has is taken at its word when it sends.
        """
        extents = await self._extents() if self._client.numbers() else None
        if extents is None:
            return
        if self.counts.packets == 0:  # else what was recovered lies behind
            for station in self.positions.check(extents):
                self._client.resume_behind(station, None, None)
        anew = self.positions.begin_anew(self._client.numbers(), extents)
        for station, before in anew.items():
            self._client.resume_behind(station, before, None)

    async def _extents(self) -> list[Extent] | None:
        """What the server has; None where it does not say.

        Who refuses is not asked again. After an INFO that cost the connection the next one does
        without.
        """
        self._avoids_info = self._refuses_info or not self._avoids_info
        if self._refuses_info or not self._avoids_info:
            return None
        try:
            async with asyncio.timeout(self._config.connect_timeout_s):
                document = await self._client.info_dict("STATIONS")
        except SeedLinkError as error:
            if not self._client.is_connected:
                raise
            self._log.info("seedlink_info_refused", reason=hide(str(error), self._login))
            self._refuses_info = True
            return None
        self._avoids_info = False
        v3 = self._client.protocol is Protocol.V3
        return extents_v3(document) if v3 else extents_v4(document)

    async def _read(self) -> AsyncIterator[Packet]:
        """Packets until the connection ends.

        Raises:
            ServerError: it ended in an error, or nothing came for too long.
        """
        stream = self._client.collect(reconnect=False)
        try:
            while True:
                limit_s = self._config.idle_timeout_s + _GUARD_S
                try:
                    async with asyncio.timeout(limit_s):
                        packet = await anext(stream)
                except StopAsyncIteration:
                    return
                except TimeoutError as error:
                    reason = str(error) or f"a packet began and did not go on for {limit_s:g} s"
                    raise ServerError(self._config.server, reason) from error
                self.counts.packets += 1
                self._pause_s = self._config.reconnect_min_s
                self._failures.begin_anew()
                source = f"{self._config.server} {packet.station_id} {packet.seqnum}"
                framed = "" if self._client.protocol is Protocol.V3 else packet.station_id
                yield Packet(source, packet.payload, packet.station_id, packet.seqnum or 0, framed)
        except ServerError:
            raise
        except Exception as error:
            raise failure_of(self._config, error, self._login) from error
        finally:
            await stream.aclose()

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._client.close()
        except TimeoutError:
            self._log.info("seedlink_close_abandoned", after_s=_CLOSE_S)

    async def _pause(self, *, is_told: bool) -> None:
        pause_s = self._pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads clients, hides nothing
        self._pause_s = min(self._config.reconnect_max_s, self._pause_s * 2)
        if is_told:
            self._log.info("seedlink_reconnecting", pause_s=round(pause_s, 2))
        await asyncio.sleep(pause_s)

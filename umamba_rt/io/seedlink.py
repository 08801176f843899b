"""Reading one SeedLink server for ever: connect, read, notice silence, resume."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import structlog
from seedlink_client import Protocol

from umamba_rt import __version__
from umamba_rt.config import SeedLinkConfig
from umamba_rt.errors import ServerError
from umamba_rt.io.seedlink_tolerant import TolerantSeedLink

_PROTOCOLS = {"auto": None, "v3": Protocol.V3, "v4": Protocol.V4}
# Added to the idle timeout for the guard around each read: the client's own check comes first,
# this one ends a frame that began and never went on.
_GUARD_S = 5.0
# A TLS peer that stopped reading would keep the farewell waiting for half a minute.
_CLOSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Packet:
    """One data packet as it came: what to call its origin, and its record's bytes."""

    source: str
    payload: bytes


@dataclass(slots=True)
class ReaderCounts:
    """What a reader has been through."""

    packets: int = 0
    connects: int = 0
    failures: int = 0
    rejected: list[str] = field(default_factory=list)


class SeedLinkReader:
    """Packets of one server, in order, across reconnects, none twice.

    After each packet the client remembers its sequence number, and asks for the next one when it
    connects again.
    """

    def __init__(self, config: SeedLinkConfig) -> None:
        self.counts = ReaderCounts()
        self.connected = False
        self._config = config
        self._log = structlog.get_logger().bind(server=config.server)
        self._pause_s = config.reconnect_min_s
        self._client = TolerantSeedLink(
            config.host,
            config.port,
            timeout=config.connect_timeout_s,
            tls=config.tls,
            protocol=_PROTOCOLS[config.protocol],
            keepalive=config.keepalive_s,
            idle_timeout=config.idle_timeout_s,
            clientname="umamba-rt",
            clientversion=__version__,
        )
        for stream in config.streams:
            station, _, selectors = stream.partition(":")
            self._client.add_stream(station, selectors or None)

    async def packets(self) -> AsyncIterator[Packet]:
        """Read until cancelled; a failure is logged, and followed by a pause and a new try."""
        while True:
            try:
                await self._connect()
                async for packet in self._read():
                    yield packet
                self._log.warning("seedlink_closed", reason="the server closed the connection")
            except ServerError as error:
                self.counts.failures += 1
                self._log.warning("seedlink_failed", reason=error.reason)
            finally:
                self.connected = False
                await self._close()
            await self._pause()

    async def _connect(self) -> None:
        try:
            await self._client.connect()
            self._refuse_other_servers(self._client.server_id or "")
            self._client.rejected.clear()
            await self._client.negotiate()
        except ServerError:
            raise
        except Exception as error:
            raise self._failed(error) from error
        self.counts.connects += 1
        self.counts.rejected = list(self._client.rejected)
        self.connected = True
        protocol = self._client.protocol
        self._log.info("seedlink_connected", protocol=protocol.name if protocol else None)
        for rejected in self.counts.rejected:
            self._log.warning("seedlink_stream_rejected", stream=rejected)

    def _refuse_other_servers(self, server_id: str) -> None:
        if not server_id.lower().startswith("seedlink"):
            raise ServerError(self._config.server, f"no SeedLink server: {server_id[:80]!r}")

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
                source = f"{self._config.server} {packet.station_id} {packet.seqnum}"
                yield Packet(source, packet.payload)
        except ServerError:
            raise
        except Exception as error:
            raise self._failed(error) from error
        finally:
            await stream.aclose()

    def _failed(self, error: Exception) -> ServerError:
        """Whatever the client's parsers raise on a peer's bytes ends this connection, no more.

        Such errors cannot be listed in full: JSON of 200,000 brackets is a RecursionError.
        """
        return ServerError(self._config.server, str(error) or type(error).__name__)

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._client.close()
        except TimeoutError:
            self._log.info("seedlink_close_abandoned", after_s=_CLOSE_S)

    async def _pause(self) -> None:
        pause_s = self._pause_s * random.uniform(0.5, 1.0)
        self._pause_s = min(self._config.reconnect_max_s, self._pause_s * 2)
        self._log.info("seedlink_reconnecting", pause_s=round(pause_s, 2))
        await asyncio.sleep(pause_s)

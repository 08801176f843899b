"""Asking a server which streams it has (INFO STREAMS), SeedLink 3 and 4."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from seedlink_client import Protocol, SeedLinkError

from umamba_rt.config.seedlink import SeedLinkConfig
from umamba_rt.core.ids import SourceId
from umamba_rt.errors import ServerError, UnavailableError
from umamba_rt.io.login import Login, hide, read_login
from umamba_rt.io.seedlink_client import client_of, failure_of, refuse_other_servers
from umamba_rt.io.seedlink_tolerant import TolerantSeedLink

# A server of thousands of stations sends tens of megabytes.
_LISTING_S = 120.0
_CLOSE_S = 1.0


@dataclass(frozen=True, slots=True)
class ServerStreams:
    """What a server says of itself.

    Attributes:
        protocol: ``v3`` or ``v4``, as it was spoken.
        greeting: the server's name and version.
        streams: its channels; None where it does not tell them.
        reason: why it does not.
    """

    protocol: str
    greeting: str
    streams: tuple[SourceId, ...] | None
    reason: str = ""


async def read_streams(config: SeedLinkConfig) -> ServerStreams:
    """Connect, ask, and leave.

    Raises:
        ServerError: it cannot be reached, is no SeedLink server, or refuses the login.
    """
    login: Login = None
    try:
        login = read_login(config)
        client = client_of(config)
        client.log_in(login)
        try:
            await client.connect()
            refuse_other_servers(client, config, login)
            async with asyncio.timeout(_LISTING_S):
                return await _ask(client, login)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await client.close()
    except ServerError:
        raise
    except UnavailableError as error:
        raise ServerError(config.server, str(error)) from error
    except TimeoutError as error:
        reason = str(error) or f"its streams did not come within {_LISTING_S:g} s"
        raise ServerError(config.server, reason) from error
    except Exception as error:
        raise failure_of(config, error, login) from error


async def _ask(client: TolerantSeedLink, login: Login) -> ServerStreams:
    v3 = client.protocol is Protocol.V3
    protocol, greeting = ("v3" if v3 else "v4"), hide(client.server_id or "", login)
    try:
        document = await client.info_dict("STREAMS")
    except SeedLinkError as error:
        if not client.is_connected:
            raise
        return ServerStreams(protocol, greeting, None, hide(str(error), login))
    found = tuple(sorted(set(streams_v3(document) if v3 else streams_v4(document))))
    if not found and (reason := _refusal(document)):
        return ServerStreams(protocol, greeting, None, hide(reason, login))
    return ServerStreams(protocol, greeting, found)


def streams_v4(document: Any) -> Iterator[SourceId]:
    """Channels in the JSON of SeedLink 4; what has another form is left out.

    Source: SeedLink 4.0, INFO STREAMS: ``station``, ``id``, ``stream``, ``id`` (``LOC_B_S_SS``).
    """
    for station in _entries(document, "station"):
        for stream in _entries(station, "stream"):
            with contextlib.suppress(ValueError):
                yield SourceId.parse(f"FDSN:{station.get('id')}_{stream.get('id')}")


def streams_v3(document: Any) -> Iterator[SourceId]:
    """Channels in what seedlink-client makes of SeedLink 3's XML; only those of type D, data."""
    root = document.get("seedlink") if isinstance(document, dict) else None
    for station in _entries(root, "station"):
        for stream in _entries(station, "stream"):
            if stream.get("type", "D") != "D":
                continue
            network, name = str(station.get("network")), str(station.get("name"))
            location, channel = str(stream.get("location", "")), str(stream.get("seedname"))
            with contextlib.suppress(ValueError):
                yield SourceId.from_nslc(network, name, location, channel)


def _refusal(document: Any) -> str:
    error = document.get("error") if isinstance(document, dict) else None
    return str(error.get("message", "no reason given"))[:200] if isinstance(error, dict) else ""


def _entries(document: Any, name: str) -> Iterator[dict[str, Any]]:
    entries = document.get(name) if isinstance(document, dict) else None
    if isinstance(entries, list):
        yield from (one for one in entries if isinstance(one, dict))

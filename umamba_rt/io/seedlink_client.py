"""A SeedLink client for a configured server: address, protocol, time limits, TLS and streams."""

from __future__ import annotations

import functools

from seedlink_client import Protocol

from umamba_rt import __version__
from umamba_rt.config.seedlink import SeedLinkConfig
from umamba_rt.errors import ServerError
from umamba_rt.io.login import Login, hide, tls_context
from umamba_rt.io.seedlink_tolerant import TolerantSeedLink

_PROTOCOLS = {"auto": None, "v3": Protocol.V3, "v4": Protocol.V4}


def client_of(config: SeedLinkConfig) -> TolerantSeedLink:
    """The client, not connected and without its login.

    Raises:
        UnavailableError: ``tls_ca_file`` cannot be used.
    """
    client = TolerantSeedLink(
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
    if config.tls:
        tls_context(config)  # what is wrong with it is said at the start
        client.make_ssl_context = functools.partial(tls_context, config)
    for stream in config.streams:
        station, _, selectors = stream.partition(":")
        client.add_stream(station, selectors or None)
    return client


def refuse_other_servers(client: TolerantSeedLink, config: SeedLinkConfig, login: Login) -> None:
    """See that what greeted a connected client is a SeedLink server.

    Raises:
        ServerError: it is another.
    """
    greeting = client.server_id or ""
    if not greeting.lower().startswith("seedlink"):
        found = hide(greeting[:80], login)
        raise ServerError(config.server, f"no SeedLink server: {found!r}")


def failure_of(config: SeedLinkConfig, error: Exception, login: Login) -> ServerError:
    """Whatever the client's parsers raise on a peer's bytes ends this connection, no more.

    Such errors cannot be listed in full: JSON of 200,000 brackets is a RecursionError.
    """
    return ServerError(config.server, hide(str(error) or type(error).__name__, login))

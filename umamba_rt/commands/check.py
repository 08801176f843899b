"""``umamba-rt check``: is this configuration one that the daemon would start with?"""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from umamba_rt.commands.check_connect import check_servers
from umamba_rt.commands.run import load_inventory, load_runnable
from umamba_rt.config.access import EndpointConfig, is_open
from umamba_rt.config.file import locating
from umamba_rt.config.whole import Config
from umamba_rt.engines import make_engines
from umamba_rt.io.access import open_access
from umamba_rt.io.login import read_login, tls_context


def check(path: Path, *, connect: bool = False) -> int:
    """Print what the configuration asks for, after loading its models.

    Args:
        path: the configuration.
        connect: ask the servers what they have of it, too.

    Returns:
        0; 69 where a server was asked and cannot be used.

    Raises:
        ConfigError: anything is wrong; lists all of it.
        UnavailableError: the file, or one that it names, cannot be used.
        InventoryError: the station metadata cannot be used.
        CheckpointError: a checkpoint cannot be used.
    """
    config = load_runnable(path)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # what follows says it all
    unread = _try_secrets(config)
    inventory = load_inventory(config)
    with locating(path, os.environ):
        engines = make_engines(config)
    window = config.window
    print(f"{path}: good")
    for server in config.seedlink:
        print(f"  seedlink   {server.host}:{server.port}  {', '.join(server.streams)}")
    print(f"  window     {window.length_s:g} s every {window.hop_s:g} s, mode {config.run.mode}")
    if config.stations.inventory:
        channels = {epoch.source_id for epoch in inventory.epochs}
        stations = {source_id.station_id for source_id in channels}
        print(f"  inventory  {len(channels)} channels of {len(stations)} stations")
    for note in inventory.notes:
        print(f"             {note}")
    for name in unread:
        print(f"  not read   {name}: the service alone knows it")
    for engine in engines:
        identity = engine.identity
        kind = "trained" if identity.trained else "random weights: its numbers are no magnitudes"
        print(f"  model {identity.name}   version {identity.version}, {kind}")
    for feed in config.publisher:
        carried = ", ".join(feed.topics) or "all topics"
        print(f"  feed       {feed.address}, {feed.format}, {carried}{_secured(feed)}")
    print(f"  query      {config.query.address or 'off'}{_secured(config.query)}")
    metrics = config.metrics
    print(f"  metrics    {metrics.address or 'off'}{', OPEN TO THE NETWORK' * metrics.is_open}")
    return check_servers(config) if connect else 0


def _try_secrets(config: Config) -> list[str]:
    """Read certificates, logins and keys as the daemon would.

    Returns:
        Those that are left out, since a variable of their names is not set here: systemd sets it.

    Raises:
        UnavailableError: one cannot be used.
    """
    unread = []
    for server in config.seedlink:
        if server.tls:
            tls_context(server)
        file, variable = server.password_file or server.token_file, server.password_env
        variable = variable or server.token_env
        if not _is_known(file) or (variable and variable not in os.environ):
            unread.append(file or variable)
        else:
            read_login(server)
    files = [name for name in (config.access.server_key, config.access.clients) if name]
    if all(map(_is_known, files)):
        open_access(config)
    else:
        unread += files
    return unread


def _is_known(name: str) -> bool:
    return "$" not in os.path.expandvars(name)


def _secured(endpoint: EndpointConfig) -> str:
    if endpoint.curve:
        return ", CURVE"
    return ", OPEN TO THE NETWORK" if is_open(endpoint) else ""

"""``umamba-rt run``: the daemon in the foreground."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import structlog

from umamba_rt.config.file import load, locating
from umamba_rt.config.whole import Config
from umamba_rt.core.inventory import EMPTY, Inventory
from umamba_rt.daemon import Daemon
from umamba_rt.engines import make_engines
from umamba_rt.errors import UmambaRtError
from umamba_rt.io.log import configure_logging, is_journal
from umamba_rt.memory import keep_heap_together
from umamba_rt.reload import Sources


def run(path: Path) -> int:
    """Run the daemon until it is told to stop; ends the process with its status.

    Args:
        path: the configuration.

    Raises:
        UmambaRtError: it cannot start; under systemd the log says so, as it says all else.
    """
    keep_heap_together()
    try:
        daemon = _prepare(path)
    except UmambaRtError as error:
        if not is_journal():
            raise
        configure_logging("json", "info")
        for line in error.lines:
            structlog.get_logger().error("start_failed", reason=line, status=error.exit_status)
        return error.exit_status
    loop = asyncio.new_event_loop()
    status = loop.run_until_complete(daemon.run())
    sys.stdout.flush()
    # Not by returning: a name server that does not answer holds a thread of the resolver for up to
    # half a minute, and the interpreter would wait for it.
    os._exit(status)


def _prepare(path: Path) -> Daemon:
    """Its sockets are bound, its models loaded."""
    config = load_runnable(path)
    configure_logging(config.run.log_format, config.run.log_level)
    inventory = load_inventory(config)
    for note in inventory.notes:
        structlog.get_logger().warning("inventory", note=note)
    with locating(path, os.environ):
        engines = make_engines(config)
    sources = Sources(lambda: load_runnable(path), make_engines, load_inventory)
    return Daemon(config, engines, inventory, sources, os._exit)


def load_inventory(config: Config) -> Inventory:
    """What the configured StationXML says of the channels; obspy is imported only for that.

    Raises:
        UnavailableError: it cannot be read.
        InventoryError: it is damaged or something else.
    """
    path = config.stations.inventory
    if not path:
        return EMPTY
    from umamba_rt.io.stationxml import read_inventory

    return read_inventory(Path(path))


def load_runnable(path: Path) -> Config:
    """A configuration that names something to read.

    Raises:
        UnavailableError: the file cannot be read.
        ConfigError: anything in it is wrong, or it names no server.
    """
    return load(path, os.environ, needs_server=True)

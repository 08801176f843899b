"""``umamba-rt run``: the daemon in the foreground."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from umamba_rt.config_file import load
from umamba_rt.daemon import Daemon
from umamba_rt.engines import make_engines
from umamba_rt.errors import ConfigError, ConfigProblem
from umamba_rt.io.log import configure_logging


def run(path: Path) -> int:
    """Run the daemon until it is told to stop; returns the exit status.

    Raises:
        UmambaRtError: it cannot start.
    """
    config = load(path, os.environ)
    if not config.seedlink:
        problem = ConfigProblem("seedlink", "nothing", "at least one [[seedlink]] block")
        raise ConfigError(str(path), (problem,))
    configure_logging(config.run.log_format, config.run.log_level)
    engines = make_engines(config)
    return asyncio.run(Daemon(config, engines).run())

"""``umamba-rt check``: is this configuration one that the daemon would start with?"""

from __future__ import annotations

import os
from pathlib import Path

from umamba_rt.config import Config
from umamba_rt.config_file import load
from umamba_rt.errors import UnavailableError


def check(path: Path) -> int:
    """Print what the configuration asks for; returns 0.

    Raises:
        ConfigError: anything is wrong; lists all of it.
        UnavailableError: the file, or a checkpoint that it names, cannot be read.
    """
    config = load(path, os.environ)
    _check_checkpoints(config)
    window, feed = config.window, config.publisher
    print(f"{path}: good")
    for server in config.seedlink:
        print(f"  seedlink   {server.host}:{server.port}  {', '.join(server.streams)}")
    if not config.seedlink:
        print("  seedlink   none: `run` will refuse to start")
    print(f"  window     {window.length_s:g} s every {window.hop_s:g} s, mode {config.run.mode}")
    print(f"  model v2   {config.model.checkpoint or 'random weights (no magnitudes)'}")
    if config.model_v1.enabled:
        print(f"  model v1   {config.model_v1.checkpoint or 'random weights (no magnitudes)'}")
    print(f"  feed       {feed.address}, {feed.format}")
    return 0


def _check_checkpoints(config: Config) -> None:
    names = [config.model.checkpoint]
    if config.model_v1.enabled:
        names.append(config.model_v1.checkpoint)
    for name in filter(None, names):
        try:
            with Path(name).open("rb"):
                pass
        except OSError as error:
            raise UnavailableError(name, error.strerror or str(error)) from error

"""``umamba-rt check``: is this configuration one that the daemon would start with?"""

from __future__ import annotations

from pathlib import Path

import structlog

from umamba_rt.commands.run import load_runnable
from umamba_rt.engines import make_engines


def check(path: Path) -> int:
    """Print what the configuration asks for, after loading its models; returns 0.

    Raises:
        ConfigError: anything is wrong; lists all of it.
        UnavailableError: the file, or a checkpoint that it names, cannot be read.
        CheckpointError: a checkpoint cannot be used.
    """
    config = load_runnable(path)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # what follows says it all
    engines = make_engines(config)
    window, feed = config.window, config.publisher
    print(f"{path}: good")
    for server in config.seedlink:
        print(f"  seedlink   {server.host}:{server.port}  {', '.join(server.streams)}")
    print(f"  window     {window.length_s:g} s every {window.hop_s:g} s, mode {config.run.mode}")
    for engine in engines:
        identity = engine.identity
        kind = "trained" if identity.trained else "random weights: its numbers are no magnitudes"
        print(f"  model {identity.name}   version {identity.version}, {kind}")
    print(f"  feed       {feed.address}, {feed.format}")
    return 0

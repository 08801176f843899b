"""Processes to measure: the daemon's configuration, the replay server, and what they use."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.processes import free_port, running

_TICKS_HZ = os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(archive: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The replay server, live, from when it listens until the block ends."""
    command = [sys.executable, str(Path(__file__).parent / "replay.py"), str(archive), "--live"]
    with subprocess.Popen(
        [*command, "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            if process.stdout is None or not process.stdout.readline().startswith(b"listening"):
                raise SystemExit("the replay server did not start")
            yield process
        finally:
            process.terminate()


def cpu_s(pid: int) -> float:
    """Processor time of a process and its children so far, s."""
    return sum(_cpu_s(one) for one in _family(pid))


def _family(pid: int) -> list[int]:
    """A process and its children."""
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return [pid, *(one for one in numbers if (found := _stat(one)) and int(found[1]) == pid)]


def _cpu_s(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS_HZ if fields else 0.0


def _stat(pid: int) -> list[str]:
    """What the kernel says of a process, from its state on; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def config_of(
    scratch: Path,
    *,
    server_port: int,
    feed_port: int,
    inventory: Path | None = None,
    with_v1: bool = False,
) -> str:
    """A live daemon's configuration: the defaults, but that it lives in a folder of its own."""
    return f"""
[[seedlink]]
server = "127.0.0.1:{server_port}"
streams = ["*_*"]
[run]
log_format = "json"
[state]
directory = "{scratch}/state"
[stations]
inventory = "{inventory or ""}"
[model_v1]
enabled = {str(with_v1).lower()}
[query]
address = ""
[metrics]
address = ""
[publisher]
address = "tcp://127.0.0.1:{feed_port}"
high_water_mark = 100000
"""


def measure_ready(warm: int) -> dict[str, list[float]]:
    """Seconds to READY: without anything compiled on the disk, then as often with it.

    Args:
        warm: how many warm starts.
    """
    found: dict[str, list[float]] = {"cold": [], "warm": []}
    with tempfile.TemporaryDirectory(prefix="umamba-bench-") as folder:
        scratch = Path(folder)
        caches = {"NUMBA_CACHE_DIR": str(scratch / "numba"), "XDG_CACHE_HOME": str(scratch / "xdg")}
        caches["CACHE_DIRECTORY"] = str(scratch / "cache")
        for number in range(warm + 1):
            text = config_of(scratch, server_port=free_port(), feed_port=free_port())
            with running(scratch, text, **caches) as daemon:
                found["warm" if number else "cold"].append(daemon.ready_s)
    return found

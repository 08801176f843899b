"""Processes to measure: a daemon, the replay server, and what they use."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICKS_HZ = os.sysconf("SC_CLK_TCK")
_READY_S = 180.0


@dataclass(frozen=True, slots=True)
class Running:
    """A daemon that is ready.

    Attributes:
        process: it.
        ready_s: from its start to READY as systemd would hear it, s.
        log: the file that it logs to.
    """

    process: subprocess.Popen[bytes]
    ready_s: float
    log: Path

    def require_life(self) -> None:
        """End the benchmark with its log where it has ended.

        Raises:
            SystemExit: it has.
        """
        _require_life(self.process, self.log)

    @property
    def engine(self) -> str:
        """The backend that the log names."""
        _, _, rest = self.log.read_text(encoding="utf-8").partition('"backend":')
        return rest.split('"')[1] if rest else ""


@contextmanager
def running(scratch: Path, config: str, **environment: str) -> Iterator[Running]:
    """A daemon with this configuration, from READY until the block ends."""
    path, log = scratch / "daemon.toml", scratch / "daemon.log"
    path.write_text(config, encoding="utf-8")
    (scratch / "state").mkdir(exist_ok=True)
    address = scratch / "notify"
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified, log.open("wb") as sink:
        notified.bind(str(address))
        notified.settimeout(1.0)
        began_s = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "umamba_rt", "run", str(path)],
            env={**os.environ, "NOTIFY_SOCKET": str(address), **environment},
            stderr=sink,
        )
        try:
            while not _says_ready(notified):
                _require_life(process, log)
                if time.monotonic() - began_s > _READY_S:
                    raise SystemExit(f"the daemon was not ready after {_READY_S:g} s")
            yield Running(process, round(time.monotonic() - began_s, 2), log)
        finally:
            process.terminate()
            process.wait()


def _says_ready(notified: socket.socket) -> bool:
    try:
        return b"READY=1" in notified.recv(4096)
    except TimeoutError:
        return False


def _require_life(process: subprocess.Popen[bytes], log: Path) -> None:
    if process.poll() is not None:
        print(log.read_text(encoding="utf-8")[-4000:], file=sys.stderr)
        raise SystemExit(f"the daemon ended with {process.returncode}")


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


def rss_mib(pid: int) -> float:
    """Resident memory of a process alone, MiB: that of its events is 32 MiB besides."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return round(int(status.split("VmRSS:")[1].split()[0]) / 1024, 1)


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


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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

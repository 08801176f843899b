"""A daemon as a process of a tool, from READY to its end; its memory, and ports."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_READY_S = 180.0
_END_S = 30.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


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
        """End the tool with the daemon's log where that has ended.

        Raises:
            SystemExit: it has.
        """
        _require_life(self.process)

    @property
    def engine(self) -> str:
        """The backend that the log names."""
        _, _, rest = self.log.read_text(encoding="utf-8").partition('"backend":')
        return rest.split('"')[1] if rest else ""


@contextmanager
def running(scratch: Path, config: str, **environment: str) -> Iterator[Running]:
    """A daemon with this configuration, from READY until the block ends.

    Raises:
        SystemExit: it was not ready in time, ended by itself, or did not end well when asked to.
    """
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
            _wait_for_ready(process, notified, began_s + _READY_S)
            yield Running(process, round(time.monotonic() - began_s, 2), log)
            _end(process)
        except SystemExit:
            print(log.read_text(encoding="utf-8")[-4000:], file=sys.stderr)
            raise
        finally:
            process.kill()
            process.wait()


def _wait_for_ready(
    process: subprocess.Popen[bytes], notified: socket.socket, ends_s: float
) -> None:
    while not _says_ready(notified):
        _require_life(process)
        if time.monotonic() > ends_s:
            raise SystemExit(f"the daemon was not ready after {_READY_S:g} s")


def _says_ready(notified: socket.socket) -> bool:
    try:
        return b"READY=1" in notified.recv(4096)
    except TimeoutError:
        return False


def _require_life(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        raise SystemExit(f"the daemon ended with {process.returncode}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        status = process.wait(_END_S)
    except subprocess.TimeoutExpired:
        raise SystemExit(f"the daemon did not end within {_END_S:g} s of SIGTERM") from None
    if status != 0:
        raise SystemExit(f"the daemon ended with {status}")


def resident_bytes(pid: int | None = None) -> int:
    """Resident memory of a process alone, this one by default; the daemon's has a child, too."""
    statm = Path(f"/proc/{pid or 'self'}/statm").read_text(encoding="ascii")
    return int(statm.split()[1]) * _PAGE_BYTES


def rss_mib(pid: int) -> float:
    """The same, MiB."""
    return round(resident_bytes(pid) / (1 << 20), 1)


def free_port() -> int:
    """A free port that stays so while nobody listens: the system gives it to no client.

    Source: ip(7), ip_local_port_range: clients get 32768 to 60999.
    """
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def free_ports(count: int) -> list[int]:
    """So many different ones."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return list(found)

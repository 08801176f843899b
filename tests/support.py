"""What several tests need: where the shared data are, a running daemon, free ports, records."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tools.processes import free_port as free_port
from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.ids import SourceId
from umamba_rt.core.segment import Segment
from umamba_rt.io.miniseed_file import read_records
from umamba_rt.wire.record import ReplayRecord, pack_segment

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
RIDGECREST = SHARED / "data" / "ridgecrest" / "sds"
START_NS = 1_600_000_000 * 10**9

needs_shared = pytest.mark.skipif(
    not RIDGECREST.is_dir(), reason=f"the shared test data are not there: {RIDGECREST}"
)


def records_of(
    station: str = "AA_ONE", seconds: float = 40.0, rate_hz: float = 100.0, seed: int = 0
) -> list[ReplayRecord]:
    """Records of a three-component station in the order of their ends: noise of 1,000 counts."""
    network, code = station.split("_")
    rng = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    records = []
    for component in "ZNE":
        source_id = SourceId(network, code, "", "H", "H", component)
        samples = rng.normal(0, 1000, count).astype(np.int32)
        records += list(pack_segment(Segment(source_id, START_NS, rate_hz, samples)))
    return sorted(records, key=lambda record: (record.end_ns, str(record.source_id)))


class Daemon:
    """A daemon process whose notifications are read as systemd would, at once.

    The kernel holds ten of them, and the daemon drops those for which there is no room: a READY
    that nobody has read in time would be lost behind heartbeats.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], notified: socket.socket, log: Path
    ) -> None:
        self.process = process
        self.log_path = log
        self._notified = notified
        self._states: deque[str] = deque()
        self._came = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def log(self) -> str:
        """What it has logged so far."""
        return self.log_path.read_text(encoding="utf-8")

    def wait_notified(self, state: str, timeout_s: float = 60.0) -> str:
        """The first notification that holds ``state``, behind the last one that was waited for."""
        ends_s = time.monotonic() + timeout_s
        with self._came:
            while True:
                while self._states:
                    if state in (text := self._states.popleft()):
                        return text
                left_s = ends_s - time.monotonic()
                assert left_s > 0, f"no {state} for {timeout_s:g} s: {self.log()}"
                self._came.wait(left_s)

    def end(self, timeout_s: float = 30.0) -> int:
        """SIGTERM; gives the exit status."""
        self.process.terminate()
        return self.process.wait(timeout_s)

    def leave(self) -> None:
        """Read no more notifications."""
        self._notified.shutdown(socket.SHUT_RDWR)
        self._reader.join()

    def _read(self) -> None:
        while text := self._notified.recv(4096).decode():
            with self._came:
                self._states.append(text)
                self._came.notify()


@contextmanager
def running_daemon(scratch: Path, config: str, **environment: str) -> Iterator[Daemon]:
    """A daemon with this configuration, from before it is ready until the block ends.

    It answers questions at ``ipc://SCRATCH/query``, and nothing over HTTP, so that two do
    not meet.
    """
    path, log = scratch / "daemon.toml", scratch / "daemon.log"
    path.write_text(config, encoding="utf-8")
    address = str(scratch / "notify")
    command = [sys.executable, "-m", "umamba_rt", "run", str(path)]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified, log.open("wb") as sink:
        notified.bind(address)
        places = {
            "NOTIFY_SOCKET": address,
            "UMAMBA_RT_QUERY__ADDRESS": f"ipc://{scratch}/query",
            "UMAMBA_RT_METRICS__ADDRESS": "",
        }
        process = subprocess.Popen(
            command, stderr=sink, env={**os.environ, **places, **environment}
        )
        daemon = Daemon(process, notified, log)
        try:
            yield daemon
        finally:
            process.kill()
            process.wait()
            daemon.leave()


def outside_ci(home: Path) -> dict[str, str]:
    """The environment of somebody's own machine: in CI OpenVINO's telemetry is off by itself."""
    signs = ("CI", "TF_BUILD", "JENKINS_URL")
    return {name: text for name, text in os.environ.items() if name not in signs} | {
        "HOME": str(home)
    }


def children_cpu_s() -> float:
    """Processor time of all child processes that have ended, s; waiting for a core is not in it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ridgecrest(station: str, first_s: float, seconds: float) -> Float32Array:
    """Three channels of the shared archive in alphabetical order of their codes, counts.

    Args:
        station: its code.
        first_s: from 16:50:00 UTC, s.
        seconds: the length; one sample more is given.
    """
    begin, count = round(first_s * 100), round(seconds * 100) + 1
    rows = []
    for path in sorted(RIDGECREST.glob(f"2019/*/{station}/*.D/*.2019.185")):
        samples = np.concatenate([record.samples for record in read_records(path, print)])
        rows.append(samples[begin : begin + count].astype(np.float32))
    return np.stack(rows)

"""A replay server, a daemon that reads from it, and a subscriber of its feed."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.processes import free_port
from tools.soak_disk import SmallDisk
from tools.soak_processes import Process
from umamba_rt.feed import Subscriber

TOOLS = Path(__file__).parent
# Where overload is not the subject: a machine that is busy otherwise costs no window.
PATIENT = "[model]\nmax_queue_s = 60.0\n"
_SLOW = '[[publisher]]\naddress = "{}"\nhigh_water_mark = 1000\n'


@dataclass(frozen=True, slots=True)
class Setting:
    """What is replayed, and how the daemon reads it.

    Attributes:
        choice: arguments of tools/replay.py that say what is served.
        speed: times real time, or ``max``.
        mode: the daemon's ``run.mode``.
        streams: what it asks the server for.
        protocol: its ``seedlink.protocol``.
        v1: whether V1 runs alongside.
        heartbeat_s: pause between two heartbeats, s.
        query: address of its query endpoint, without which it keeps no history; empty: none.
        slow: address of a second feed, of a small high-water mark; empty: none.
        more: further sections of its configuration.
        environment: set for the daemon besides ours.
    """

    choice: tuple[str, ...]
    speed: str = "10"
    mode: str = "replay"
    streams: tuple[str, ...] = ("*_*",)
    protocol: str = "auto"
    v1: bool = False
    heartbeat_s: float = 0.5
    query: str = ""
    slow: str = ""
    more: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def config(self, port: int, feed: str, state: Path | None) -> str:
        """The daemon's configuration.

        Args:
            port: the server's.
            feed: the address of the feed.
            state: the state directory; None: none is kept.
        """
        return f"""
[[seedlink]]
server = "127.0.0.1:{port}"
streams = {json.dumps(self.streams)}
protocol = "{self.protocol}"
reconnect_min_s = 0.1
reconnect_max_s = 0.5
[run]
mode = "{self.mode}"
heartbeat_s = {self.heartbeat_s}
log_format = "json"
[state]
enabled = {str(state is not None).lower()}
directory = "{state or ""}"
[model_v1]
enabled = {str(self.v1).lower()}
[query]
address = "{self.query}"
[metrics]
address = ""
[[publisher]]
address = "{feed}"
high_water_mark = 100000
{_SLOW.format(self.slow) if self.slow else ""}{self.more}"""


class Scene:
    """One trial's server, daemon and subscriber.

    Attributes:
        daemon: the daemon's process.
        server: the server's.
        feed: the subscriber.
        address: of the feed.
        disk: the small disk of the daemon's state, where there is one.
        log: the daemon's log.
    """

    def __init__(
        self,
        folder: Path,
        setting: Setting,
        *,
        keep_state: bool = True,
        disk: SmallDisk | None = None,
    ) -> None:
        """Start all three; data flow only when the subscription stands.

        Args:
            folder: for logs, configuration and state.
            setting: what is replayed, and how.
            keep_state: whether the daemon has a state directory.
            disk: where that lies; None: in ``folder``.
        """
        port, self.address = free_port(), f"tcp://127.0.0.1:{free_port()}"
        self.disk, self.log = disk, folder / "daemon.log"
        state = (disk.path if disk else folder) / "state" if keep_state else None
        config = folder / "daemon.toml"
        config.write_text(setting.config(port, self.address, state), encoding="utf-8")
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notified.bind(str(folder / "notify"))
        environment = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify")}
        environment.pop("STATE_DIRECTORY", None)
        run = [sys.executable, "-m", "umamba_rt", "run", str(config)]
        self.daemon = Process(run, self.log, {**environment, **setting.environment})
        self.feed = Subscriber(self.address, timeout_s=0.05)
        while self.feed.receive() is None:
            self.daemon.check()
        serve = [sys.executable, str(TOOLS / "replay.py"), *setting.choice, "--port", str(port)]
        serve += ["--speed", setting.speed, "--linger", "600"]
        self.server = Process(serve, folder / "server.log", dict(os.environ))

    def is_ready(self) -> bool:
        """Whether the daemon has said so since the last call."""
        ready = False
        try:
            while True:
                ready |= b"READY=1" in self._notified.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return ready

    def logged(self, event: str) -> list[dict[str, object]]:
        """The lines of an event that the daemon has logged so far."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [json.loads(line) for line in lines if f'"event": "{event}"' in line]

    def events_logged(self) -> Counter[str]:
        """How often each event stands in the daemon's log."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return Counter(json.loads(line)["event"] for line in text.splitlines() if line[:1] == "{")

    def close(self) -> None:
        """End all three."""
        self.daemon.end()
        self.server.kill()
        self.feed.close()
        self._notified.close()

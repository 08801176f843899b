#!/usr/bin/env python3
"""Kill the daemon and its server at random moments; compare the feed with an undisturbed run's.

Each round replays a slice of an archive; the daemon and the server are killed (SIGKILL) and started
again, at moments drawn by a seed that is printed, a subscriber listens throughout. Ends with 0 only
if it received every window of the undisturbed run, none twice, with the same magnitude to 1e-5.

    tools/kill_test.py ARCHIVE --start 2019-07-04T17:33:00 --end 2019-07-04T17:36:00 --rounds 10
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from umamba_rt.feed import Subscriber

TOOLS = Path(__file__).parent
MAGNITUDE_TOLERANCE = 1e-5
DETERMINISTIC = ("window_start", "window_end", "quality", "model", "station")
# Silence of a daemon that is ready after which a run is taken to have ended, s.
QUIET_S = 60.0
# A daemon takes 3 s to start, and a minute on a machine that has no time for it.
LONGEST_START_S = 300.0
# After the last window that is expected: time for one that must not come, s.
GRACE_S = 2.0
Key = tuple[str, str, str, int]
Windows = dict[Key, dict[str, Any]]


@dataclass(slots=True)
class Round:
    """What one round received, against the undisturbed run."""

    windows: int = 0
    lost: int = 0
    extra: int = 0
    doubled: int = 0
    different: int = 0
    repeats_dropped: int = 0
    kills: list[str] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def good(self) -> bool:
        """Whether the subscriber saw what it would have seen undisturbed."""
        return self.windows > 0 and not (self.lost or self.extra or self.doubled or self.different)


class Process:
    """A child that is killed and started again, in its own log."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str]) -> None:
        self._command, self._log, self._environment = command, log, environment
        self.start()

    def start(self) -> None:
        """Start it; its log goes on."""
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self._environment
            )

    def kill(self) -> None:
        """SIGKILL, and wait."""
        self._running.kill()
        self._running.wait()

    @property
    def pid(self) -> int:
        """Its id."""
        return self._running.pid

    def pause(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after a while."""
        self._running.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._running.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """SIGTERM, and SIGKILL after 30 s."""
        self._running.terminate()
        try:
            self._running.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()

    def check(self) -> None:
        """Stop the test where it ended by itself."""
        if self._running.poll() is not None:
            tail = self._log.read_text(encoding="utf-8", errors="replace")[-3000:]
            raise SystemExit(f"{self._command[1:3]} ended with {self._running.returncode}\n{tail}")


class Scene:
    """One round's server, daemon and subscriber."""

    def __init__(self, folder: Path, options: argparse.Namespace, *, keep_state: bool) -> None:
        """Start all three; data flow only when the subscription stands."""
        port, feed = _free_port(), f"tcp://127.0.0.1:{_free_port()}"
        config = folder / "daemon.toml"
        state = folder / "state" if keep_state else None
        config.write_text(_config(port, feed, options, state), encoding="utf-8")
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notified.bind(str(folder / "notify"))
        environment = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify")}
        environment.pop("STATE_DIRECTORY", None)
        run = [sys.executable, "-m", "umamba_rt", "run", str(config)]
        self.daemon = Process(run, folder / "daemon.log", environment)
        self.feed = Subscriber(feed, timeout_s=0.05)
        while self.feed.receive() is None:
            self.daemon.check()
        serve = [sys.executable, str(TOOLS / "replay.py"), *_choice(options), "--port", str(port)]
        serve += ["--speed", options.speed, "--linger", "600"]
        self.server = Process(serve, folder / "server.log", dict(os.environ))
        self.log, self.address = folder / "daemon.log", feed

    def is_ready(self) -> bool:
        """Whether the daemon has said so since the last call."""
        ready = False
        try:
            while True:
                ready |= b"READY=1" in self._notified.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return ready

    def close(self) -> None:
        """End all three."""
        self.daemon.end()
        self.server.kill()
        self.feed.close()
        self._notified.close()


def main() -> int:
    """Run all rounds; 0 when each was as if nothing had happened, 1 when not."""
    options = _options()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**9)
    rng = random.Random(seed)
    print(f"seed {seed}", flush=True)
    if options.direct:
        with _scratch(options) as folder:
            expected = direct(folder, options)
    else:
        with _scratch(options) as folder, _scene(folder, "undisturbed", options) as scene:
            expected, _ = listen(scene, None, [])
    print(f"undisturbed: {len(expected)} windows", flush=True)
    rounds = []
    for number in range(options.rounds):
        with _scratch(options) as folder, _scene(folder, f"round-{number}", options) as scene:
            rounds.append(_round(scene, expected, rng, options))
        print(json.dumps(asdict(rounds[-1])), flush=True)
    good = bool(expected) and all(one.good for one in rounds)
    total = {
        "seed": seed,
        "rounds": len(rounds),
        "daemon_kills": sum(kill.startswith("daemon") for one in rounds for kill in one.kills),
        "server_kills": sum(kill == "server" for one in rounds for kill in one.kills),
        "windows_expected": len(expected) * len(rounds),
        **{
            name: sum(getattr(one, name) for one in rounds)
            for name in ("windows", "lost", "extra", "doubled", "different", "repeats_dropped")
        },
        "good": good,
    }
    print(json.dumps(total), flush=True)
    if options.output:
        options.output.write_text(json.dumps(total, indent=2) + "\n", encoding="utf-8")
    return 0 if good else 1


def _round(
    scene: Scene, expected: Windows, rng: random.Random, options: argparse.Namespace
) -> Round:
    kills = ["daemon"] * options.daemon_kills + ["server"] * options.server_kills
    rng.shuffle(kills)
    # One daemon in four is killed while it starts, the others while they work.
    plan = [(kill, rng.random() < 0.25, rng.uniform(0.05, options.longest_s)) for kill in kills]
    started_s = time.monotonic()
    result = Round()
    received, result.doubled = listen(scene, len(expected), plan, result.kills)
    result.took_s = round(time.monotonic() - started_s, 1)
    result.windows = len(received)
    result.lost = len(expected.keys() - received.keys())
    result.extra = len(received.keys() - expected.keys())
    result.repeats_dropped = scene.feed.repeated
    for key in expected.keys() & received.keys():
        one, other = expected[key], received[key]
        apart = abs(one["magnitude"] - other["magnitude"]) > MAGNITUDE_TOLERANCE
        result.different += apart or any(one[name] != other[name] for name in DETERMINISTIC)
    for key in sorted(expected.keys() - received.keys())[:20]:
        print("lost", *key, file=sys.stderr)
    return result


def listen(
    scene: Scene,
    count: int | None,
    plan: list[tuple[str, bool, float]],
    kills: list[str] | None = None,
) -> tuple[Windows, int]:
    """Collect windows until all have come and the plan is done; carry the plan out meanwhile."""
    windows: Windows = {}
    doubled = 0
    ready = True
    latest_s = since_s = started_s = time.monotonic()
    while True:
        message = scene.feed.receive()
        now_s = time.monotonic()
        scene.daemon.check()
        ready |= scene.is_ready()
        if message is not None and message.topic.startswith("magnitude."):
            key = _key(message.body)
            doubled += key in windows
            windows[key] = message.body
            latest_s = now_s
        if not ready:
            latest_s = now_s  # its silence says nothing yet
            since_s = since_s if plan and plan[0][1] else now_s
            if now_s - started_s > LONGEST_START_S:
                raise SystemExit(f"the daemon was not ready after {LONGEST_START_S:g} s")
        if plan and windows and now_s - since_s > plan[0][2]:
            kill, _, _ = plan.pop(0)
            if kill.startswith("pause "):
                scene.daemon.pause(float(kill.split()[1]))
                kills = [] if kills is None else kills
                kills.append(kill)
                since_s = latest_s = time.monotonic()
                continue
            process = scene.daemon if kill == "daemon" else scene.server
            process.kill()
            scene.is_ready()  # what the killed one had still to say
            process.start()
            kills = [] if kills is None else kills
            kills.append(kill if kill == "server" or ready else "daemon at its start")
            ready = ready and kill == "server"
            since_s = latest_s = now_s = time.monotonic()
            started_s = started_s if ready else now_s
        complete = count is not None and len(windows) >= count and not plan
        if now_s - latest_s > (GRACE_S if complete else QUIET_S):
            return windows, doubled


def direct(folder: Path, options: argparse.Namespace) -> Windows:
    """The undisturbed run without sockets: the same core, in seconds."""
    config, output = folder / "direct.toml", folder / "direct.jsonl"
    config.write_text(_config(1, "tcp://127.0.0.1:1", options, None), encoding="utf-8")
    command = [sys.executable, str(TOOLS / "replay.py"), "--direct", *_choice(options)]
    # The daemon of the rounds has no inventory either.
    command += ["--inventory", "none", "--config", str(config), "--output", str(output)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    bodies = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    return {_key(body): body for body in bodies}


def _choice(options: argparse.Namespace) -> list[str]:
    words = [str(path) for path in options.archive]
    for name in ("start", "end", "select"):
        words += [f"--{name}", getattr(options, name)] if getattr(options, name) else []
    return words


def _key(body: dict[str, Any]) -> Key:
    sensor = ".".join(body["station"].values())
    return body["model"]["name"], sensor, body["window_start"], body["revision"]


@contextmanager
def _scratch(options: argparse.Namespace) -> Iterator[Path]:
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        yield options.keep
    else:
        with tempfile.TemporaryDirectory(prefix="kill-test-") as folder:
            yield Path(folder)


@contextmanager
def _scene(folder: Path, name: str, options: argparse.Namespace) -> Iterator[Scene]:
    (folder / name).mkdir()
    scene = Scene(folder / name, options, keep_state=name != "undisturbed")
    try:
        yield scene
    finally:
        scene.close()


def _config(port: int, feed: str, options: argparse.Namespace, state: Path | None) -> str:
    streams = json.dumps(options.streams or ["*_*"])
    return f"""
[[seedlink]]
server = "127.0.0.1:{port}"
streams = {streams}
protocol = "{options.protocol}"
reconnect_min_s = 0.1
reconnect_max_s = 0.5
[run]
mode = "replay"
heartbeat_s = 0.5
[state]
enabled = {str(state is not None).lower()}
directory = "{state or ""}"
[model_v1]
enabled = {str(options.v1).lower()}
[query]
address = ""
[metrics]
address = ""
[publisher]
address = "{feed}"
high_water_mark = 100000
"""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("archive", nargs="+", type=Path)
    parser.add_argument("--speed", default="10", help="of the replay, a number or max")
    for name in ("--start", "--end", "--select"):
        parser.add_argument(name, help="as of tools/replay.py")
    parser.add_argument(
        "--direct", action="store_true", help="take a direct replay for the undisturbed run"
    )
    parser.add_argument("--streams", nargs="+", help="asked for; default *_*")
    parser.add_argument("--protocol", choices=("auto", "v3", "v4"), default="auto")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--daemon-kills", type=int, default=3, metavar="N", help="a round")
    parser.add_argument("--server-kills", type=int, default=3, metavar="N", help="a round")
    parser.add_argument(
        "--longest-s", type=float, default=3.0, metavar="S", help="most time between two kills"
    )
    parser.add_argument("--v1", action="store_true", help="run V1 alongside")
    parser.add_argument("--seed", type=int, help="of the moments")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep logs and state here")
    parser.add_argument("--output", type=Path, help="write the report here, too")
    return parser.parse_args()


def _free_port() -> int:
    """A free port that stays so while nobody listens: the system gives it to no client.

    Source: ip(7), ip_local_port_range: clients get 32768 to 60999.
    """
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())

#!/usr/bin/env python3
"""Build the wheel, install it into an empty environment outside the checkout, and use it there.

The installed program checks a configuration, tells of the package's model, and runs for ten seconds
against a replay server, its feed read by the installed `umamba-rt listen`. By default the
dependencies are seen in the environment that runs this; --full installs them, too, which takes
minutes and needs a package index.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from umamba_rt.cli import Parser, guarded

ROOT = Path(__file__).parents[1]
READY_S = 60.0
# What the program needs beside its modules, and what belongs to the checkout alone.
NEEDED = (
    "umamba_rt/py.typed",
    "umamba_rt/models/weights/v2.safetensors",
    "umamba_rt/models/weights/v1.safetensors",
    "umamba_rt/wire/schemas/magnitude.1.json",
)
FOREIGN = ("tests/", "tools/", "config/", "docs/")


class WheelTestError(Exception):
    """The wheel does not do what it should."""


def build(scratch: Path) -> Path:
    """The wheel, made without a network; its content is checked.

    Raises:
        WheelTestError: it lacks something, or holds what it should not.
    """
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(scratch / "dist"), str(ROOT)]
    _call(command, scratch)
    (wheel,) = (scratch / "dist").glob("umamba_rt-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    missing = [name for name in NEEDED if name not in names]
    foreign = [name for name in names if name.startswith(FOREIGN)]
    if missing or foreign:
        raise WheelTestError(f"{wheel.name}: lacks {missing}, holds {foreign}")
    return wheel


def install(wheel: Path, scratch: Path, *, full: bool) -> Path:
    """An environment with the wheel in it; gives the folder of its programs."""
    environment = scratch / "environment"
    _call([sys.executable, "-m", "venv", "--without-pip", str(environment)], scratch)
    python = environment / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    if full:
        _call([*command, "-c", str(ROOT / "constraints.txt"), str(wheel)], scratch)
    else:
        _call([*command, "--no-deps", str(wheel)], scratch)
        # A path in a .pth file is looked into, but the .pth files there, with which the checkout
        # itself is installed, are not read.
        packages = sysconfig.get_path("purelib")
        site = Path(_call([str(python), "-c", _SITE], scratch).strip())
        (site / "dependencies.pth").write_text(f"{packages}\n", encoding="utf-8")
    found = _call([str(python), "-c", "import umamba_rt; print(umamba_rt.__file__)"], scratch)
    if not Path(found.strip()).is_relative_to(environment):
        raise WheelTestError(f"{found.strip()} was imported, not what the wheel installed")
    return environment / "bin"


_SITE = "import sysconfig; print(sysconfig.get_path('purelib'))"


def use(programs: Path, scratch: Path, run_s: float) -> int:
    """Check, look at the model, run and listen; gives the number of estimates.

    Raises:
        WheelTestError: one of them failed, or no estimate came.
    """
    program = str(programs / "umamba-rt")
    config = scratch / "umamba-rt.toml"
    with _server(scratch) as port:
        config.write_text(_config(port, scratch), encoding="utf-8")
        _call([program, "check", str(config)], scratch)
        told = _call([program, "models", "info"], scratch)
        if "trained         yes" not in told:
            raise WheelTestError(f"models info tells of no trained model:\n{told}")
        return _run(program, config, scratch, run_s)


def _run(program: str, config: Path, scratch: Path, run_s: float) -> int:
    log = scratch / "daemon.log"
    feed = ["--address", f"ipc://{scratch}/feed", "--topic", "magnitude.", "--json"]
    with (
        _notified(scratch) as channel,
        log.open("wb") as sink,
        subprocess.Popen(
            [program, "run", str(config)],
            cwd=scratch,
            stderr=sink,
            env={**os.environ, "NOTIFY_SOCKET": channel.getsockname()},
        ) as daemon,
    ):
        try:
            listened = _listen([program, "listen", *feed], channel, scratch, run_s)
        finally:
            daemon.terminate()
        status = daemon.wait(30)
    estimates = listened.count('"magnitude":')
    if status != 0 or not estimates:
        text = log.read_text(encoding="utf-8")
        raise WheelTestError(f"ended with {status} after {estimates} estimates; its log:\n{text}")
    return estimates


def _listen(command: Sequence[str], channel: socket.socket, scratch: Path, run_s: float) -> str:
    """What the feed brings in this time, from the daemon's readiness on."""
    channel.settimeout(READY_S)
    while b"READY=1" not in channel.recv(4096):
        pass
    with subprocess.Popen(command, cwd=scratch, stdout=subprocess.PIPE, text=True) as listener:
        time.sleep(run_s)
        listener.terminate()
        return listener.communicate()[0]


@contextmanager
def _notified(scratch: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(scratch / "notify"))
        yield channel


@contextmanager
def _server(scratch: Path) -> Iterator[int]:
    """The checkout's replay server with obspy's recordings; gives its port."""
    command = [sys.executable, str(ROOT / "tools" / "replay.py"), "--demo", "--port", "0"]
    command += ["--speed", "20"]
    with subprocess.Popen(command, cwd=scratch, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            yield int(line.rsplit(":", 1)[1])
        finally:
            process.terminate()


def _config(port: int, scratch: Path) -> str:
    return f"""
[[seedlink]]
server = "127.0.0.1:{port}"
streams = ["*_*"]
[run]
mode = "replay"
[query]
address = "ipc://{scratch}/query"
[metrics]
address = "127.0.0.1:0"
[[publisher]]
address = "ipc://{scratch}/feed"
"""


def _call(command: Sequence[str], folder: Path) -> str:
    """What a program says, run outside the checkout and without its path.

    Raises:
        WheelTestError: it failed.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = " ".join(command)
        raise WheelTestError(f"{words}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def run(*, full: bool, run_s: float) -> int:
    """The whole of it; tells how long each step took, or what failed."""
    with tempfile.TemporaryDirectory(prefix="umamba-rt-wheel-") as folder:
        try:
            for line in _steps(Path(folder), full, run_s):
                print(line, flush=True)
        except WheelTestError as error:
            print(f"wheel_test: {error}", file=sys.stderr)
            return 1
    return 0


def _steps(scratch: Path, full: bool, run_s: float) -> Iterator[str]:
    begun_s = time.monotonic()
    wheel = build(scratch)
    size_mb = wheel.stat().st_size / 1e6
    yield f"built      {wheel.name}, {size_mb:.1f} MB, after {time.monotonic() - begun_s:.1f} s"
    programs = install(wheel, scratch, full=full)
    with_what = "with its dependencies" if full else "beside its dependencies"
    yield f"installed  {with_what}, after {time.monotonic() - begun_s:.1f} s"
    estimates = use(programs, scratch, run_s)
    after_s = time.monotonic() - begun_s
    yield f"ran        {estimates} estimates in {run_s:g} s, after {after_s:.1f} s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit status."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="install the dependencies, too")
    parser.add_argument(
        "--run-s", type=float, default=10.0, metavar="S", help="how long it runs (%(default)s)"
    )
    options = parser.parse_args(arguments)
    return guarded("wheel_test", lambda: run(full=options.full, run_s=options.run_s))


if __name__ == "__main__":
    sys.exit(main())

"""No secret lies in the repository, and none leaves a running daemon by any way out."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import transient_settings

from tests.support import ROOT, free_port, running_daemon
from umamba_rt.feed import Subscriber
from umamba_rt.query import QueryClient

PASSWORD = "Hunter2.s3cret-PASS"
TOKEN = "eyJhbGciOi.TOKEN-s3cret.x"
# Those that know a secret by its form. What only looks random, or stands behind a word like
# "password", is a checksum or a test of ours. GitHub's takes long names with "ghs_" for tokens.
DETECTORS = (
    "AWSKeyDetector",
    "ArtifactoryDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "GitLabTokenDetector",
    "JwtTokenDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SlackDetector",
    "StripeDetector",
)

BINARY = {".png", ".safetensors"}


def found_in(paths: list[Path]) -> list[str]:
    with transient_settings({"plugins_used": [{"name": name} for name in DETECTORS]}):
        return [
            f"{path}:{secret.line_number}: {secret.type}"
            for path in paths
            for secret in scan_file(str(path))
        ]


def test_repository_holds_no_secret() -> None:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no checkout of git: nobody can say which files are the project's")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert len(paths) > 100
    texts = [path for path in paths if path.is_file() and path.suffix not in BINARY]
    assert found_in(texts) == []


def test_scan_finds_secrets_where_there_are_some(tmp_path: Path) -> None:
    path = tmp_path / "leak.txt"
    key = "-----BEGIN " + "PRIVATE KEY-----"
    path.write_text(f"{key}\nurl = 'https://me:{'s3cret'}@host/'\n", encoding="utf-8")
    assert [one.rpartition(": ")[2] for one in found_in([path])] == [
        "Private Key",
        "Basic Auth Credentials",
    ]


@contextmanager
def echoing_server() -> Iterator[int]:
    """A SeedLink 4 server that refuses every login and repeats it in its answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with connection, connection.makefile("rb") as lines:
                for line in lines:
                    for command in line.split(b"\r"):
                        if command.startswith(b"HELLO"):
                            connection.sendall(b"SeedLink v4.0 (t) :: SLPROTO:4.0\r\nTest\r\n")
                        elif command.startswith(b"AUTH"):
                            connection.sendall(b"ERROR AUTH no: " + command.strip() + b"\r\n")
                        elif command.strip():
                            connection.sendall(b"OK\r\n")

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)


def wait_for(daemon_log: Path, event: str, times: int) -> None:
    ends_s = time.monotonic() + 60
    while daemon_log.read_text(encoding="utf-8").count(f'"{event}"') < times:
        assert time.monotonic() < ends_s, daemon_log.read_text(encoding="utf-8")
        time.sleep(0.02)


def test_no_secret_of_a_login_leaves_a_running_daemon(tmp_path: Path) -> None:
    password_file = tmp_path / "password"
    password_file.write_text(PASSWORD + "\n", encoding="utf-8")
    web, feed = f"127.0.0.1:{free_port()}", f"ipc://{tmp_path}/feed"
    with echoing_server() as port:
        text = f"""
[[seedlink]]
server = "127.0.0.1:{port}"
streams = ["*_*"]
user = "me"
password_file = "{password_file}"
reconnect_min_s = 0.05
reconnect_max_s = 0.1
[[seedlink]]
server = "localhost:{port}"
streams = ["*_*"]
token_env = "SEEDLINK_TOKEN"
reconnect_min_s = 0.05
reconnect_max_s = 0.1
[publisher]
address = "{feed}"
[run]
heartbeat_s = 0.2
log_level = "debug"
[model]
checkpoint = "untrained"
"""
        environment = {"SEEDLINK_TOKEN": TOKEN, "UMAMBA_RT_METRICS__ADDRESS": web}
        with running_daemon(tmp_path, text, **environment) as daemon:
            daemon.wait_notified("READY=1")
            wait_for(daemon.log_path, "seedlink_failed", times=2)
            shown = []
            for page in ("metrics", "readyz", "healthz"):
                try:
                    with urlopen(f"http://{web}/{page}", timeout=20) as answer:
                        shown.append(answer.read().decode())
                except OSError as error:  # 503: no server is connected
                    shown.append(error.read().decode())  # type: ignore[attr-defined]
            with QueryClient(f"ipc://{tmp_path}/query") as client:
                shown.append(json.dumps(client.ask("stats")))
            with Subscriber(feed, timeout_s=0.5) as subscriber:
                while (message := subscriber.receive()) is None:
                    pass
                shown.append(json.dumps(message.body))
            assert daemon.end() == 0
            shown.append(daemon.log())
    command = [sys.executable, "-m", "umamba_rt"]
    for words in (["config", "show"], ["check", "--connect"]):
        done = subprocess.run(
            [*command, *words, str(tmp_path / "daemon.toml")],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "SEEDLINK_TOKEN": TOKEN},
        )
        shown += [done.stdout, done.stderr]
    assert "[secret]" in shown[1]  # what the server repeated did come by, hidden
    for text in shown:
        assert PASSWORD not in text
        assert TOKEN not in text


def test_log_of_a_run_is_json_and_has_no_line_for_each_window(tmp_path: Path) -> None:
    """One line a change of state; a server that is down is told of once, not once an attempt."""
    from tests.support import records_of
    from tests.test_daemon import collect, config, replay, wait_for_feed

    port, feed = free_port(), f"ipc://{tmp_path}/feed"
    more = "[model]\ncheckpoint = 'untrained'\n"
    with running_daemon(tmp_path, config(port, feed, more=more)) as daemon:
        daemon.wait_notified("READY=1")
        with Subscriber(feed, timeout_s=0.5) as subscriber:
            wait_for_feed(subscriber)
            with replay(tmp_path, records_of(seconds=130), port, "--speed", "max"):
                collect(subscriber, windows=100)
        assert daemon.end() == 0
    lines = [json.loads(line) for line in daemon.log().splitlines()]
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)
    stations = [line for line in lines if line["event"] == "station"]
    assert [line["state"] for line in stations] == ["online"]
    assert len(lines) < 20
    assert [line["event"] for line in lines].count(
        "seedlink_failed"
    ) <= 2  # none yet, none any more

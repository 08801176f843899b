"""Where nothing answers from outside, name servers least of all: the real daemon lives on."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import free_port, outside_ci

_SILENT = "127.0.0.77"
_CONFIG = """
[[seedlink]]
server = "seedlink.example.org"
streams = ["*_*"]
[run]
log_format = "json"
[state]
directory = "{scratch}/state"
[query]
address = ""
[metrics]
address = ""
[[publisher]]
address = "tcp://127.0.0.1:{port}"
"""
# What a library asks of the internet when it is imported it has given up by then.
_LIVES_S = 6.0


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="only root can have another resolv.conf (util-linux)",
)
def test_daemon_whose_name_server_never_answers_lives_until_sigterm(tmp_path: Path) -> None:
    names, config, log = tmp_path / "resolv.conf", tmp_path / "daemon.toml", tmp_path / "log"
    names.write_text(f"nameserver {_SILENT}\n", encoding="ascii")
    config.write_text(_CONFIG.format(scratch=tmp_path, port=free_port()), encoding="utf-8")
    run = f"{sys.executable} -m umamba_rt run {config}"
    command = f"mount --bind {names} /etc/resolv.conf && exec {run}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, log.open("wb") as sink:
        silent.bind((_SILENT, 53))
        silent.settimeout(30.0)
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", command], stderr=sink, env=outside_ci(tmp_path)
        )
        try:
            asked = silent.recv(512)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(_LIVES_S)
            process.terminate()
            status = process.wait(30)
        finally:
            process.kill()
            process.wait()
    assert b"seedlink" in asked, "somebody else than the daemon asked first"
    assert status == 0, log.read_text()
    assert '"event": "stopped"' in log.read_text()

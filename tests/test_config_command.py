"""commands/config.py: as a process, and what it prints read back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from umamba_rt.commands.config import effective
from umamba_rt.config.file import parse
from umamba_rt.config.schema import schema

TEXT = r"""
[[seedlink]]
server = "127.0.0.1:18000"
streams = ["CI_CCC:HH? HN?", "CI_*"]
password_file = "$CREDENTIALS_DIRECTORY/a \"quoted\" \u007f\u00e9\t name"
user = "me"
[[seedlink]]
server = "[::1]:18001"
streams = ["GE_*"]
[window]
hop_s = 0.5
[quality]
withhold = ["flat"]
"""


def umamba_rt(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "umamba_rt", *words]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("environment", [{}, {"UMAMBA_RT_WINDOW__HOP_S": "2"}])
def test_what_is_shown_says_the_same_when_read_again(environment: dict[str, str]) -> None:
    config = parse(TEXT, environment, where="test.toml")
    shown = "\n".join(effective(config, TEXT, environment))
    assert parse(shown, {}, where="shown") == config


def test_each_value_is_shown_with_its_origin(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(TEXT, encoding="utf-8")
    done = umamba_rt("config", "show", str(path), UMAMBA_RT_RUN__HEARTBEAT_S="2")
    assert done.returncode == 0, done.stderr
    lines = {tuple(line.split("  # ")) for line in done.stdout.splitlines() if "  # " in line}
    origins = {(setting.strip(), origin) for setting, origin in lines}
    assert ("hop_s = 0.5", "line 11") in origins
    assert ("heartbeat_s = 2.0", "UMAMBA_RT_RUN__HEARTBEAT_S") in origins
    assert ('server = "[::1]:18001"', "line 8") in origins
    assert ("max_gap_s = 0.5", "default") in origins


def test_schema_is_printed_as_json() -> None:
    done = umamba_rt("config", "schema")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == schema()


def test_show_of_a_wrong_file_ends_with_78_and_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("[window]\nhop_s = -1\n", encoding="utf-8")
    done = umamba_rt("config", "show", str(path))
    assert done.returncode == 78
    assert "line 2: window.hop_s: found -1" in done.stderr

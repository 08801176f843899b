"""io/log.py and rate_limit.py: JSON for a pipe, text for a terminal, one line of many."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from umamba_rt.rate_limit import RateLimit

PROGRAM = """
import logging, sys, warnings
import structlog
from umamba_rt.io.log import configure_logging
configure_logging(sys.argv[1], sys.argv[2])
structlog.get_logger().info("state_changed", station="CI.CCC", count=3)
structlog.get_logger().debug("too_much")
logging.getLogger("library").warning("told by a library")
warnings.warn("told by Python", DeprecationWarning)
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger().exception("broken")
"""


def command(form: str, level: str = "info") -> list[str]:
    return [sys.executable, "-c", PROGRAM, form, level]


def on_a_terminal(form: str) -> str:
    """What the program writes to a terminal."""
    master, slave = pty.openpty()
    with subprocess.Popen(command(form), stderr=slave) as process:
        os.close(slave)
        chunks = []
        try:
            while chunk := os.read(master, 65536):
                chunks.append(chunk)
        except OSError:  # the other side is closed
            pass
        assert process.wait(30) == 0
    os.close(master)
    return b"".join(chunks).decode()


@pytest.mark.parametrize("form", ["auto", "json"])
def test_each_event_is_a_line_of_json_where_no_terminal_is(form: str) -> None:
    done = subprocess.run(command(form), capture_output=True, text=True, timeout=30, check=True)
    first, second, warned, third = map(json.loads, done.stderr.splitlines())
    assert first["event"] == "state_changed"
    assert (first["station"], first["count"], first["level"]) == ("CI.CCC", 3, "info")
    assert first["timestamp"].endswith("Z")
    assert (second["event"], second["level"]) == ("told by a library", "warning")
    assert "told by Python" in warned["event"]
    assert "ZeroDivisionError" in third["exception"]


def test_terminal_gets_text() -> None:
    text = on_a_terminal("auto")
    assert "state_changed" in text
    assert "{" not in text.partition("Traceback")[0]


def test_terminal_gets_json_where_that_is_asked_for() -> None:
    assert json.loads(on_a_terminal("json").splitlines()[0])["event"] == "state_changed"


def test_level_holds_back_what_is_below_it() -> None:
    done = subprocess.run(
        command("json", "warning"), capture_output=True, text=True, timeout=30, check=True
    )
    assert "state_changed" not in done.stderr
    done = subprocess.run(
        command("json", "debug"), capture_output=True, text=True, timeout=30, check=True
    )
    assert "too_much" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_full_disk_under_the_log_ends_nothing() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device
        assert subprocess.run(command("json"), stderr=full, timeout=30, check=False).returncode == 0


def test_one_event_of_many_passes_in_an_interval_and_counts_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 100.0
    monkeypatch.setattr("umamba_rt.rate_limit.time.monotonic", lambda: now_s)
    limit = RateLimit(10.0)
    assert [limit.passes() for _ in range(4)] == [1, None, None, None]
    now_s = 111.0
    assert [limit.passes() for _ in range(2)] == [4, None]

"""``umamba-rt listen --evolution`` beside a daemon that runs V1: its curve is the message's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support import free_port, records_of, running_daemon
from tests.test_daemon import collect, config, replay, wait_for_feed
from umamba_rt.commands.curve_plot import draw
from umamba_rt.commands.feed_line import as_line
from umamba_rt.feed import Subscriber


def test_drawn_curves_are_those_of_the_messages(tmp_path: Path) -> None:
    port, address = free_port(), f"ipc://{tmp_path}/feed"
    more = "[model]\ncheckpoint = 'untrained'\n"
    more += "[model_v1]\nenabled = true\ncheckpoint = 'untrained'\n"
    command = [sys.executable, "-m", "umamba_rt", "listen", "--evolution", "--address", address]
    command += ["--topic", "magnitude.v1.", "--count", "3", "--timeout-s", "60"]
    environment = {**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
    with (
        Subscriber(address, timeout_s=0.5) as feed,
        running_daemon(tmp_path, config(port, address, more=more)) as daemon,
    ):
        wait_for_feed(feed)
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment
        ) as listener:
            with replay(tmp_path, records_of(seconds=60), port, "--speed", "10"):
                messages = collect(feed, windows=2 * 25)
            printed, _ = listener.communicate(timeout=60)
        assert listener.returncode == 0
        assert daemon.end() == 0
    lines = printed.splitlines()
    drawn = 0
    for message in messages:
        estimate = message.magnitude
        if estimate is None or "evolution" not in estimate or as_line(message) not in lines:
            continue
        at = lines.index(as_line(message)) + 1
        curve = draw(estimate["evolution"], width=80)
        assert lines[at : at + len(curve)] == curve
        assert estimate["model"]["name"] == "v1"
        drawn += 1
    assert drawn == 3
    assert len(set(lines)) > 10

"""``umamba-rt stations`` against a running daemon, as an operator has it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.support import free_port, records_of, running_daemon
from tests.test_daemon import config, replay
from umamba_rt.commands.stations import table
from umamba_rt.query import QueryClient


def stations(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "umamba_rt", "stations", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_table_of_a_running_daemon(tmp_path: Path) -> None:
    records = records_of("AA_ONE", 50)
    records += [one for one in records_of("AA_TWO", 50, seed=1) if one.source_id.subsource == "Z"]
    records.sort(key=lambda record: (record.end_ns, str(record.source_id)))
    port, address = free_port(), f"ipc://{tmp_path}/query"
    text = config(port, f"ipc://{tmp_path}/feed")
    with running_daemon(tmp_path, text) as daemon:
        daemon.wait_notified("READY=1")
        assert stations("--address", address).stdout.startswith("SENSOR")
        with replay(tmp_path, records, port, "--speed", "max"), QueryClient(address) as asked:
            while asked.ask("stats")["counts"].get("estimates_sent", 0) < 15:
                time.sleep(0.05)  # a pace, not a wait
        shown = stations("--address", address)
        as_json = stations("--address", address, "--json")
        assert daemon.end() == 0
    assert (shown.returncode, shown.stderr) == (0, "")
    head, one, two = shown.stdout.splitlines()
    assert head.split() == [
        *("SENSOR", "STATE", "LAST", "SAMPLE", "LATENCY", "GAPS", "MISSING"),
        *("RATE", "SERVERS", "SENT", "WITHHELD"),
    ]
    assert one.startswith("AA.ONE.--.HH  online      2020-09-13T12:27:29.99")
    assert f"100 Hz  127.0.0.1:{port}  v2 " in one
    assert two.startswith("AA.TWO.--.HH  incomplete")
    rows = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert [row["station"]["station"] for row in rows] == ["ONE", "TWO"]
    assert rows[0]["windows_sent"]["v2"] >= 15
    assert rows[0]["gaps"]["count"] == 0
    assert rows[1]["windows_withheld"]


def test_no_daemon_ends_with_69(tmp_path: Path) -> None:
    done = stations("--address", f"ipc://{tmp_path}/none", "--timeout-s", "0.2")
    assert done.returncode == 69
    assert done.stderr == f"umamba-rt: ipc://{tmp_path}/none: no answer\n"


def test_address_that_is_none_ends_with_69() -> None:
    done = stations("--address", "bogus")
    assert done.returncode == 69
    assert done.stderr.startswith("umamba-rt: bogus: ")


def test_query_address_in_use_ends_the_daemon_with_69(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = f"tcp://127.0.0.1:{holder.getsockname()[1]}"
        text = config(free_port(), f"ipc://{tmp_path}/feed")
        with running_daemon(tmp_path, text, UMAMBA_RT_QUERY__ADDRESS=taken) as refused:
            assert refused.process.wait(30) == 69
            assert f"query.address {taken}: Address already in use" in refused.log()


def test_table_shows_what_is_not_there_yet() -> None:
    row: dict[str, Any] = {
        "station": {"network": "A", "station": "B", "location": "--", "band_source": "HH"},
        "state": None,
        "last_sample": None,
        "data_latency_s": None,
        "native_rate_hz": None,
        "gaps": {"count": 0, "missing_s": 0.0},
        "servers": [],
        "windows_sent": {"v2": 0},
        "windows_withheld": {},
    }
    head, line = table([row])
    assert line.split() == ["A.B.--.HH", "-", "-", "-", "0", "0", "s", "-", "-", "v2", "0", "-"]
    assert head.startswith("SENSOR     STATE")

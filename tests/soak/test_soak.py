"""tools/soak.py in short: each phase, on real processes and recordings of the M6.4.

What depends on how busy the machine is otherwise (seconds to READY, latency, fairness to a tenth)
is for the whole soak to judge.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import RIDGECREST, ROOT, needs_shared
from tools.soak_clock import library
from tools.soak_disk import why_not
from tools.soak_overload import Arrivals

pytestmark = needs_shared


def soak(tmp_path: Path, phase: str, *words: str) -> dict[str, Any]:
    """A phase's part of the report."""
    report = tmp_path / "report.json"
    report.write_text(json.dumps({phase: {"good": None}, "another": {"good": False}}))
    command = [sys.executable, str(ROOT / "tools" / "soak.py"), str(RIDGECREST), "--seed", "40"]
    command += ["--start", "2019-07-04T17:33:00", "--end", "2019-07-04T17:35:00"]
    command += ["--phases", phase, "--output", str(report), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    all_found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    found = dict(all_found.pop(phase))
    assert all_found == {"another": {"good": False}}  # of an earlier run
    assert found["good"] is not None, done.stdout + done.stderr
    assert found["seed"] == 40
    assert done.returncode == (0 if found["good"] else 1), done.stderr
    verdict = "good" if found["good"] else "NOT GOOD"
    assert done.stdout.splitlines()[-1].startswith(f"{phase}: {verdict}: ")
    return found


def test_faults_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    words = ["--stations", "16", "--minutes", "0.4", "--speed", "5", "--every-s", "3"]
    words += ["--end", "2019-07-04T17:34:00"]  # two turns of 12 s
    found = soak(tmp_path, "faults", *words, "--pause-s", "2")
    disk = set() if why_not() else {"fill", "free"}
    assert set(found["faults"]) == {"daemon", "pause 2", "server"} | disk
    assert found["windows"] == found["windows_expected"] > 500
    assert found["lost"] == found["extra"] == found["doubled"] == found["different"] == 0
    assert bool(found["state_saves_failed_while_full"]) == bool(disk)
    assert len(found["saved_again_s"]) == found["faults"].get("fill", 0)
    assert found["restarts"] + len(found["restarts_of_both_s"]) > 0
    if found["restarts"]:
        assert 0 < found["restart_median_s"] <= found["restart_max_s"]
    assert all(time_s > 0 for time_s in found["restarts_of_both_s"])
    assert max(at_s for at_s, fault in found["timeline_s"] if fault == "server") > 15
    assert found["logged"].keys().isdisjoint({"state_set_aside", "seedlink_numbers_anew"})


@pytest.mark.skipif(library() is None, reason="needs libfaketime (apt-get install faketime)")
def test_steps_of_the_clock_neither_stall_nor_flood(tmp_path: Path) -> None:
    found = soak(tmp_path, "clock", "--live-s", "16", "--live-speed", "5")
    assert found["steps_logged_s"] == [3600, -3600, -3600, 3600]
    assert found["windows"] == found["windows_expected"] > 500
    assert found["lost"] == found["extra"] == found["doubled"] == found["different"] == 0


def test_overload_drops_fairly_and_keeps_the_newest(tmp_path: Path) -> None:
    found = soak(tmp_path, "overload", "--live-s", "20", "--live-speed", "5")
    assert found["times"] >= 2  # three on an idle machine
    assert found["dropped_by_heartbeat"] == found["missing"] > 1000
    assert found["stations_without_their_newest"] == found["extra"] == found["doubled"] == 0


def test_fairness_is_that_of_the_time_in_which_every_station_has_data() -> None:
    places = [(f"AA.S{k}.--.HH", f"{second}") for second in range(5) for k in range(3)]
    arrivals = Arrivals(frozenset(places), {(f"AA.S{k}.--.HH", "4") for k in range(3)})
    for sensor, start in [*places[:4], places[4], places[5], *places[3:5], *places[12:]]:
        station = dict(
            zip(("network", "station", "location", "band"), sensor.split("."), strict=True)
        )
        latency = {"processing_ms": 1.0}
        arrivals.take({"station": station, "window_start": start, "latency": latency})
    # From the third one's first to the first one's last, which no longer counts.
    assert arrivals.each == {"AA.S2.--.HH": 2, "AA.S0.--.HH": 2, "AA.S1.--.HH": 2}
    assert arrivals.is_complete


def test_daemon_at_rest_takes_next_to_nothing(tmp_path: Path) -> None:
    found = soak(tmp_path, "rest", "--live-s", "16", "--live-speed", "5")
    assert found["idle_cpu_percent"] < 1
    assert found["windows"] == found["windows_expected"] > 50
    assert found["rss_mib"] < (300 if found["engine"] == "fast-cpu" else 600)

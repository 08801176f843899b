"""tools/kill_test.py: three kills of the daemon and of the server over a minute of the M6.4."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support import RIDGECREST, ROOT, needs_shared

pytestmark = needs_shared


def test_six_kills_change_nothing_for_a_subscriber(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, str(ROOT / "tools" / "kill_test.py"), str(RIDGECREST), "--direct"]
    command += ["--start", "2019-07-04T17:33:00", "--end", "2019-07-04T17:34:00"]
    command += ["--select", "CI.CCC*,PB.B918*", "--longest-s", "1.5", "--output", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert report.is_file(), done.stdout + done.stderr
    found = json.loads(report.read_text(encoding="utf-8"))
    assert (found["daemon_kills"], found["server_kills"]) == (3, 3)
    assert found["windows"] == found["windows_expected"] >= 60
    assert found["lost"] == found["extra"] == found["doubled"] == found["different"] == 0
    assert found["restarts"] + len(found["restarts_of_both_s"]) >= 1
    longest_s = found["restart_max_s"] or 0.0
    assert (found["restart_median_s"] or 0.0) <= longest_s
    both_s = max(found["restarts_of_both_s"], default=0.0)
    assert max(longest_s, both_s) < 60  # 3 s on an idle machine
    in_time = longest_s < 10 and both_s < 10 + 40 / 10  # 40 s of data at ten times real time
    assert found["good"] == in_time == (done.returncode == 0)

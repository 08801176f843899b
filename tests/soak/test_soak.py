"""tools/soak.py in short: sixteen stations, a fault every three seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support import RIDGECREST, ROOT, needs_shared

pytestmark = needs_shared


def test_short_soak_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, str(ROOT / "tools" / "soak.py"), str(RIDGECREST), "--seed", "1"]
    command += ["--start", "2019-07-04T17:33:00", "--end", "2019-07-04T17:33:40"]
    command += ["--stations", "16", "--minutes", "0.25", "--speed", "5", "--every-s", "3"]
    command += ["--pause-s", "3", "--output", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(report.read_text(encoding="utf-8"))
    assert set(found["faults"]) == {"daemon", "pause 3", "server"}
    assert found["windows"] == found["windows_expected"] > 500
    assert found["lost"] == found["extra"] == found["doubled"] == 0

"""tools/demo.py: what a newcomer runs first."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.support import ROOT


def test_demo_ends_by_itself_with_windows_and_says_what_to_do_next() -> None:
    started_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "demo.py")],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - started_s < 120
    assert "200 windows went from a SeedLink socket" in done.stdout
    assert "BW.UH1.--.SH     incomplete: components NE of ZNE have not come" in done.stdout
    assert "What to do next" in done.stdout

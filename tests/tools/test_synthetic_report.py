import subprocess
import sys
from pathlib import Path

from tests.support import ROOT


def test_the_report_prints_its_tables_and_draws(tmp_path: Path) -> None:
    plot = tmp_path / "report.png"
    command = [sys.executable, "tools/synthetic_report.py", "--count", "2", "--output", str(plot)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "records a second" in done.stdout
    assert done.stdout.count("M5.5") == 2
    assert "ML (Hutton and Boore 1987) less label" in done.stdout
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert plot.stat().st_size < 200_000

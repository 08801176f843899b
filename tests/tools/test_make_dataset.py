from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import RIDGECREST, SHARED, needs_shared
from umamba_rt.training.seisbench_format import SeisBenchDataset
from umamba_rt.training.split import events_in_several_splits

TOOL = Path(__file__).parents[2] / "tools" / "make_dataset.py"
DATA = SHARED / "data" / "ridgecrest"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@needs_shared
def test_archive_becomes_a_data_set_that_can_be_read(tmp_path: Path) -> None:
    done = run(
        RIDGECREST / "2019" / "CI" / "WMF", "--catalogue", DATA / "catalogue.xml",
        "--inventory", DATA / "stations.xml", "--output", tmp_path, "--min-magnitude", 1,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    dataset = SeisBenchDataset(tmp_path)
    assert done.stdout.startswith(f"{len(dataset)} records of 134 earthquakes (0 without")
    assert "pairs of earthquake and sensor: another earthquake" in done.stdout
    assert len(dataset) >= 8
    assert {header.unit for header in dataset.headers} == {"m/s"}
    pairs = [(header.source_id, header.split) for header in dataset.headers]
    assert not events_in_several_splits(pairs)
    assert max(header.magnitude for header in dataset.headers) == pytest.approx(6.4)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("here", "--output", "x"), 64, "--catalogue"),
        (("here", "--catalogue", "none.xml", "--output", "x"), 69, "none.xml: no such file"),
        (("a", "--catalogue", "c", "--output", "x", "--min-magnitude", "nan"), 64, "number"),
    ],
)
def test_wrong_command_line_is_told(arguments: tuple[str, ...], status: int, message: str) -> None:
    done = run(*arguments)
    assert done.returncode == status
    assert message in done.stderr

"""training/data_info.py: counts that can be read off the rows."""

from __future__ import annotations

from pathlib import Path

from tests.training.seisbench_folders import ramp, row, write_folder
from umamba_rt.training.data_info import data_info


def test_counts_splits_units_and_magnitudes_are_told(tmp_path: Path) -> None:
    rows = [
        row("a", split="train", source_id="x", source_magnitude=4.5),
        row("b", split="train", source_id="x", source_magnitude=4.5),
        row("c", split="test", source_id="y", source_magnitude=2.1),
        row("d", split="dev", source_id="z", source_magnitude=4.9),
    ]
    folder = write_folder(tmp_path / "set", rows, {name: ramp() for name in "abcd"})
    text = data_info(folder)
    assert "records      4, 0 of them noise; 0 rows unusable" in text
    assert "train      2 records of 1 earthquakes" in text
    assert "units        m/s 4" in text
    histogram = [line.split() for line in text.splitlines() if line.startswith("  M ")]
    assert [(line[1], line[4]) for line in histogram] == [("2", "1"), ("3", "0"), ("4", "3")]

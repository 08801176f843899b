from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from tests.training.records import record
from umamba_rt.errors import UnavailableError
from umamba_rt.training.record import LabelledRecord
from umamba_rt.training.seisbench_format import SeisBenchDataset
from umamba_rt.training.seisbench_writer import write_dataset


def assert_same(found: LabelledRecord, expected: LabelledRecord) -> None:
    for field in fields(LabelledRecord):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        if field.name == "samples":
            assert np.array_equal(one, other)
        elif isinstance(other, float) and math.isnan(other):
            assert math.isnan(one), field.name
        elif field.name not in ("trace_name", "source_id") or not expected.is_noise:
            assert field.name == "trace_name" or one == other, field.name


def test_what_is_written_reads_as_it_was(tmp_path: Path) -> None:
    made = [
        record(9000 - 7 * n, 3000.5, source_id=f"ev{n}", seed=n, clipped=n == 3) for n in range(70)
    ]
    made[5] = record(4000, 1200, unit="counts", source_id="odd", distance_km=math.nan, split="dev")
    made[6] = record(6500, math.nan, source_id="noise", unit="m/s^2", split="train")
    assert write_dataset(tmp_path / "new" / "set", made) == 70
    dataset = SeisBenchDataset(tmp_path / "new" / "set")
    assert (len(dataset), dataset.split_rule, dataset.unusable) == (70, "file", 0)
    for found, expected in zip(dataset, made, strict=True):
        assert_same(found, expected)


def test_nothing_written_is_an_empty_data_set(tmp_path: Path) -> None:
    assert write_dataset(tmp_path, []) == 0
    assert len(SeisBenchDataset(tmp_path)) == 0


def test_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnavailableError, match="file/set"):
        write_dataset(tmp_path / "file" / "set", [])


@pytest.mark.filterwarnings("ignore")  # pandas' and seisbench's own
def test_seisbench_itself_reads_it_alike(tmp_path: Path) -> None:
    sbd = pytest.importorskip("seisbench.data", reason="seisbench is not installed")
    made = [record(900 - n, 300, source_id=f"ev{n}", seed=n) for n in range(5)]
    write_dataset(tmp_path, made)
    theirs = sbd.WaveformDataset(tmp_path, component_order="ZNE", dimension_order="NCW")
    for index, expected in enumerate(made):
        waveform, metadata = theirs.get_sample(index)
        assert np.array_equal(waveform, expected.samples)
        assert metadata["trace_p_arrival_sample"] == 300
        assert metadata["source_id"] == expected.source_id

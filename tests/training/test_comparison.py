"""training/comparison.py and its report: two tiny variants, trained and set side by side."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.training.records import record
from tests.training.seisbench_folders import row, write_folder
from umamba_rt.training.comparison import RunResult, with_noise
from umamba_rt.training.comparison_plan import PlannedRun
from umamba_rt.training.comparison_report import compare_and_write, table
from umamba_rt.training.recipe import recipe_of

TEST = [record(source_id=f"x{k}", magnitude=2.5 + k, seed=40 + k) for k in range(3)]


def plan(tmp_path: Path) -> list[PlannedRun]:
    rows, arrays = [], {}
    for k, split in enumerate(["train", "train", "dev"]):
        made = record(source_id=f"ev{k}", magnitude=3.0 + k, seed=k)
        arrays[f"r{k}"] = made.samples
        cells = {"split": split, "source_id": f"ev{k}", "source_magnitude": 3.0 + k}
        rows.append(row(f"r{k}", trace_p_arrival_sample=3000, **cells))
    folder = write_folder(tmp_path / "set", rows, arrays)
    shape = {"n_stages": 2, "features_per_stage": 4, "strides": 8, "amplitude_features": True}
    fit = {"epochs": 1, "windows_per_epoch": 8, "batch_size": 4, "warm_up_epochs": 0}
    return [
        PlannedRun(
            name,
            1,
            recipe_of(
                {
                    "model": {"name": name, **shape},
                    "data": {"real": [str(folder)], "real_share": 1.0},
                    "fit": {**fit, "seed": 1},
                },
                where="test",
            ),
        )
        for name in ("v1", "v2")
    ]


def test_variants_are_trained_measured_and_not_done_twice(tmp_path: Path) -> None:
    told: list[str] = []
    runs = plan(tmp_path)
    results = compare_and_write(runs, TEST, tmp_path / "out", tmp_path / "pools", told.append)
    assert [result.variant for result in results] == ["v1", "v2"]
    assert results[0].parameters != results[1].parameters
    for result in results:
        assert result.epochs == 1
        assert result.inference_ms > 0
        assert np.isfinite([result.mae, result.event_mae_early, *result.noisy_mae]).all()
        assert list(result.by_part) == ["made"]
        assert list(result.by_magnitude) == ["2 to 3", "3 to 4", "4 to 5"]
    written = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [entry["mae"] for entry in written] == [result.mae for result in results]
    assert (tmp_path / "out" / "comparison.md").read_text() == table(results)
    again: list[str] = []
    assert (
        compare_and_write(runs, TEST, tmp_path / "out", tmp_path / "pools", again.append) == results
    )
    assert sum("epoch" in line for line in told) == 2
    assert not any("epoch" in line for line in again)


def result(variant: str, seed: int, mae: float) -> RunResult:
    noisy = (0.1, 0.2, 0.3, 0.4)
    parts, magnitudes = {"here": mae, "there": 1.0}, {"2 to 3": mae}
    return RunResult(
        variant, seed, mae, 0.5, 0.9, mae, mae, noisy, parts, magnitudes, 3, 2.0, 100.0, 1000, 1.5
    )


def test_the_table_gives_mean_and_spread_over_the_seeds() -> None:
    lines = table([result("a", 0, 0.2), result("b", 0, 0.5), result("a", 1, 0.4)]).splitlines()
    assert "| a | 2 | 0.300 ± 0.141 |" in lines[2]
    assert lines[3].startswith("| b | 1 | 0.500 |")
    assert {line.count("|") for line in lines[:4]} == {lines[0].count("|")}
    assert "| variant | here | there |" in lines
    assert "| a | 0.300 ± 0.141 | 1.000 ± 0.000 |" in lines
    assert lines[-2:] == ["| a | 0.300 ± 0.141 |", "| b | 0.500 |"]


@pytest.mark.parametrize("db", [20.0, 0.0])
def test_added_noise_is_as_far_below_the_signal_as_asked(db: float) -> None:
    quiet = record(magnitude=5.0)
    noisy = with_noise(quiet, db, np.random.default_rng(0))
    added = (noisy.samples - quiet.samples).std(axis=1)
    signal = quiet.samples[:, 3000:5500].std(axis=1)
    np.testing.assert_allclose(20 * np.log10(signal / added), db, atol=0.3)

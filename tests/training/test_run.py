"""training/run.py: what a recipe leaves out is neither trained on nor chosen by."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.training.records import record
from tests.training.seisbench_folders import row, write_folder
from umamba_rt.errors import ConfigError, UnavailableError
from umamba_rt.training.recipe import DataRecipe, recipe_of
from umamba_rt.training.run import chosen, make_trainer


@pytest.mark.parametrize(
    ("data", "left"),
    [
        (DataRecipe(), ["2", "3", "4", "noise"]),
        (DataRecipe(leave_out=("a",)), ["3", "4", "noise"]),
        (DataRecipe(leave_out=("b",)), ["2"]),
        (DataRecipe(lowest_magnitude=3.0), ["3", "4", "noise"]),
        (DataRecipe(highest_magnitude=3.5), ["2", "3", "noise"]),
    ],
)
def test_sources_and_magnitudes_are_left_out_and_noise_has_no_magnitude(
    data: DataRecipe, left: list[str]
) -> None:
    records = [
        record(source_id="2", magnitude=2.0, part="a"),
        record(source_id="3", magnitude=3.0, part="b"),
        record(source_id="4", magnitude=4.0, part="b"),
        record(source_id="noise", p_sample=math.nan, part="b"),
    ]
    assert [found.source_id for found in chosen(records, data)] == left


def test_nothing_left_is_an_error_that_names_the_data(tmp_path: Path) -> None:
    made = record()
    cells = {"split": "train", "source_id": "ev", "source_magnitude": 3.0, "part": "a"}
    rows = [row("r", trace_p_arrival_sample=3000, **cells)]
    folder = write_folder(tmp_path / "set", rows, {"r": made.samples})
    data = {"real": [str(folder)], "real_share": 1.0, "leave_out": ["a"]}
    with pytest.raises(ConfigError, match=r"data\.real"):
        make_trainer(recipe_of({"data": data}, where="test"), tmp_path / "out", tmp_path / "pools")


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    tree = {"data": {"real": ["nowhere"], "real_share": 1.0}}
    with pytest.raises(UnavailableError, match="file"):
        make_trainer(recipe_of(tree, where="test"), tmp_path / "file" / "out", tmp_path)

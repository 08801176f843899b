"""tools/train.py: a run from the command line, ended and gone on with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support import ROOT
from tests.training.records import record
from tests.training.seisbench_folders import row, write_folder
from umamba_rt.models.loading import load_checkpoint
from umamba_rt.training.log_plot import read_log

RECIPE = """
[model]
n_stages = 2
features_per_stage = 4
strides = 8
hidden_dims = [8]
amplitude_features = true
[data]
real = ["{folder}"]
real_share = 0.5
synthetic_count = 8
[fit]
epochs = {epochs}
windows_per_epoch = 16
batch_size = 8
warm_up_epochs = 0
"""


def train(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "train.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def test_a_run_leaves_weights_log_and_picture_and_is_not_run_twice(tmp_path: Path) -> None:
    rows, arrays = [], {}
    for k, split in enumerate(["train", "train", "dev"]):
        made = record(source_id=f"ev{k}", magnitude=3.0 + k, seed=k)
        name = f"r{k}"
        arrays[name] = made.samples
        cells = {"split": split, "source_id": f"ev{k}", "source_magnitude": 3.0 + k}
        rows.append(row(name, trace_p_arrival_sample=3000, **cells))
    folder = write_folder(tmp_path / "set", rows, arrays)
    recipe, output = tmp_path / "recipe.toml", tmp_path / "run"
    recipe.write_text(RECIPE.format(folder=folder, epochs=2))
    cache = ("--output", output, "--cache", tmp_path / "pools")
    done = train("run", recipe, *cache)
    assert done.returncode == 0, done.stderr
    assert len(read_log(output)) == 2
    assert (output / "log.png").exists()
    assert load_checkpoint(output / "best.safetensors").facts.trained
    again = train("run", recipe, *cache)
    assert again.returncode == 0, again.stderr
    assert "goes on after epoch 2" in again.stderr
    assert len(read_log(output)) == 2
    assert "3 records" in train("data-info", folder).stdout.replace("records      3", "3 records")


def test_a_wrong_recipe_and_a_missing_folder_have_their_exit_status(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("[fit]\nepoch = 3\n")
    wrong = train("run", recipe, "--output", tmp_path / "run")
    assert wrong.returncode == 78
    assert '"epochs"?' in wrong.stderr
    missing = train("data-info", tmp_path / "nowhere")
    assert missing.returncode == 69
    assert "nowhere" in missing.stderr
    assert train("run").returncode == 64
    negative = train("run", recipe, "--output", tmp_path / "run", "--workers", "-1")
    assert negative.returncode == 64
    assert "--workers" in negative.stderr

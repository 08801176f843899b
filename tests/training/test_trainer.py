"""training/trainer.py: it learns, a kill changes nothing, and what is kept is the best."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.records import record
from umamba_rt.core.estimate import ModelName
from umamba_rt.errors import CheckpointError, ConfigError
from umamba_rt.models.config import CONFIGS
from umamba_rt.models.loading import load, load_checkpoint
from umamba_rt.training.log_plot import plot_log, read_log
from umamba_rt.training.recipe import Recipe, recipe_of
from umamba_rt.training.sampler import Sampler
from umamba_rt.training.selection import DevSet
from umamba_rt.training.trainer import Trainer

# Records that differ in their strength alone.
TRAIN = [record(source_id=f"t{k}", magnitude=2.0 + k / 2, seed=k, split="train") for k in range(9)]
DEV = [record(source_id=f"d{k}", magnitude=2.25 + k, seed=20 + k, split="dev") for k in range(4)]
TINY = {"n_stages": 2, "features_per_stage": 4, "strides": 8, "amplitude_features": True}


def recipe(name: ModelName = "v2", **fit: object) -> Recipe:
    own = {"hidden_dims": [16], "dropout": 0.1} if name == "v2" else {}
    values = {
        "model": {"name": name, **TINY, **own},
        "data": {"real": ["x"], "real_share": 1.0, "noise_share": 0.0, "unknown_unit_share": 0.0},
        "fit": {
            "epochs": 4,
            "windows_per_epoch": 48,
            "batch_size": 16,
            "warm_up_epochs": 1,
            "threads": 1,
            **fit,
        },
    }
    return recipe_of(values, where="test")


def trainer(folder: Path, how: Recipe) -> Trainer:
    folder.mkdir(exist_ok=True)
    sampler = Sampler(TRAIN, [], how.data, norm="std", amplitude=True)
    return Trainer(how, sampler, DevSet(DEV, norm="std", amplitude=True), folder)


def run(folder: Path, how: Recipe) -> list[dict[str, Any]]:
    trainer(folder, how).run(lambda _: None, lambda _: None)
    lines = read_log(folder)
    for line in lines:
        del line["seconds"], line["peak_rss_mb"]
    return lines


@pytest.fixture(autouse=True)
def one_thread() -> object:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_a_tiny_net_learns_within_seconds(name: ModelName, tmp_path: Path) -> None:
    how = recipe(name, epochs=12, learning_rate=0.02, windows_per_epoch=160, ema_decay=0.9)
    lines = run(tmp_path, how)
    scores = [line["dev"]["score"] for line in lines]
    assert min(scores) < 0.5
    assert min(scores) < 0.4 * scores[0]


def test_a_run_that_was_killed_gives_the_numbers_of_one_that_was_not(tmp_path: Path) -> None:
    how = recipe(ema_decay=0.9)
    whole = run(tmp_path / "whole", how)
    broken = trainer(tmp_path / "broken", how)

    class KilledError(Exception):
        pass

    def kill(log: object) -> None:
        if getattr(log, "epoch", 0) == 2:
            raise KilledError

    with pytest.raises(KilledError):
        broken.run(kill, lambda _: None)
    torch.manual_seed(99)  # a new process has another state
    assert run(tmp_path / "broken", how) == whole
    kept = [load(tmp_path / name / "best.safetensors").state_dict() for name in ("whole", "broken")]
    assert all(torch.equal(value, kept[1][key]) for key, value in kept[0].items())


def test_the_kept_checkpoint_is_of_the_best_epoch_and_says_how_it_was_made(tmp_path: Path) -> None:
    lines = run(tmp_path / "tiny", recipe())
    best = min(lines, key=lambda line: line["dev"]["score"])
    checkpoint = load_checkpoint(tmp_path / "tiny" / "best.safetensors")
    facts = json.loads(checkpoint.facts.training)
    assert checkpoint.facts.trained
    assert facts["epoch"] == best["epoch"]
    assert facts["recipe"]["fit"]["batch_size"] == 16
    assert facts["dev"]["score"] == best["dev"]["score"]
    assert checkpoint.facts.version == f"tiny-{best['epoch']}"


def test_it_stops_when_the_dev_error_falls_no_more(tmp_path: Path) -> None:
    lines = run(tmp_path, recipe(epochs=40, learning_rate=1e-8, ema_decay=0.0, stop_epochs=2))
    best = min(lines, key=lambda line: line["dev"]["score"])
    assert len(lines) < 40
    assert lines[-1]["epoch"] == best["epoch"] + 2


def test_the_rate_warms_up_and_is_halved_on_a_plateau(tmp_path: Path) -> None:
    lines = run(tmp_path, recipe(epochs=6, learning_rate=1e-7, plateau_epochs=1, stop_epochs=40))
    rates = [line["learning_rate"] for line in lines]
    assert rates[0] < 1e-7
    waits = sum(not line["is_best"] for line in lines[:-1])
    assert rates[-1] == pytest.approx(1e-7 / 2**waits)
    assert waits > 0


def test_a_cosine_ends_near_nothing(tmp_path: Path) -> None:
    lines = run(tmp_path, recipe(epochs=5, schedule="cosine", stop_epochs=40))
    rates = [line["learning_rate"] for line in lines]
    assert rates[1] == max(rates)
    assert rates[-1] < 0.1 * max(rates)


def test_a_run_may_go_on_from_a_checkpoint_of_the_same_model(tmp_path: Path) -> None:
    run(tmp_path / "first", recipe())
    path = tmp_path / "first" / "best.safetensors"
    how = recipe(start_from=str(path), learning_rate=1e-8, epochs=1, ema_decay=0.0)
    first, second = run(tmp_path / "first", recipe()), run(tmp_path / "second", how)
    best = min(line["dev"]["score"] for line in first)
    assert second[0]["dev"]["score"] == pytest.approx(best, abs=0.3)


def test_the_other_models_encoder_may_be_gone_on_from(tmp_path: Path) -> None:
    run(tmp_path / "v2", recipe())
    path = tmp_path / "v2" / "best.safetensors"
    started = trainer(tmp_path / "v1", recipe("v1", start_from=str(path)))
    expected = load(path).encoder.state_dict()
    found = started._model.encoder.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in found.items())


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "v2", recipe(epochs=1))
    path = str(tmp_path / "v2" / "best.safetensors")
    for changed in ({"hidden_dims": [8]}, {"name": "v1", "features_per_stage": 8}):
        how = recipe(start_from=path)
        kind = CONFIGS[how.model.name if "name" not in changed else "v1"]
        shape = {**TINY, **{key: value for key, value in changed.items() if key != "name"}}
        other = replace(how, model=kind.from_dict(shape))
        with pytest.raises(CheckpointError, match="another model"):
            trainer(tmp_path / "other", other)


def test_a_folder_of_another_recipe_or_a_damaged_state_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "one", recipe(epochs=1))
    with pytest.raises(CheckpointError, match="another recipe"):
        trainer(tmp_path / "one", recipe(epochs=2))
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    (tmp_path / "two" / "last.pt").write_bytes(b"no state")
    with pytest.raises(CheckpointError, match="cannot be resumed"):
        trainer(tmp_path / "two", recipe(epochs=1))


def test_the_log_can_be_drawn(tmp_path: Path) -> None:
    lines = run(tmp_path, recipe(epochs=2))
    assert [line["epoch"] for line in lines] == [1, 2]
    picture = plot_log(tmp_path).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert np.isfinite([line["train_loss"] for line in lines]).all()


def test_a_run_that_loses_its_numbers_says_so_and_keeps_the_epoch_before(tmp_path: Path) -> None:
    one = trainer(tmp_path, recipe(epochs=3))

    def spoil(_: object) -> None:
        with torch.no_grad():
            next(one._model.parameters()).fill_(math.nan)

    with pytest.raises(ConfigError, match=r"fit\.learning_rate.*epoch 2"):
        one.run(spoil, lambda _: None)
    assert [line["epoch"] for line in read_log(tmp_path)] == [1]
    assert trainer(tmp_path, recipe(epochs=3)).epoch == 1

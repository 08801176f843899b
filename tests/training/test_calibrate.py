"""training/calibrate.py: a checkpoint gets the law of its errors, and states it from then on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.training.records import record
from tests.training.seisbench_folders import row, write_folder
from umamba_rt.engine.weights import read_weights
from umamba_rt.errors import ConfigError
from umamba_rt.models import UMambaV2
from umamba_rt.models.checkpoint import save
from umamba_rt.models.facts import CheckpointFacts, Preprocessing
from umamba_rt.models.loading import load_checkpoint
from umamba_rt.training.calibrate import calibrate
from umamba_rt.training.predict import load_predict
from umamba_rt.training.windows import cut_window


def held_out(tmp_path: Path, events: int = 12) -> Path:
    rows, arrays = [], {}
    for k in range(events):
        made = record(source_id=f"ev{k}", magnitude=2.0 + k / 4, seed=k)
        arrays[f"r{k}"] = made.samples
        cells = {"split": "dev", "source_id": f"ev{k}", "source_magnitude": 2.0 + k / 4}
        rows.append(row(f"r{k}", trace_p_arrival_sample=3000, **cells))
    return write_folder(tmp_path / "set", rows, arrays)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    model = UMambaV2(n_stages=2, features_per_stage=4, strides=8, hidden_dims=[8])
    facts = CheckpointFacts("v2", "tiny", True, Preprocessing.of(model.config), '{"epochs": 3}')
    save(tmp_path / "tiny.safetensors", model, facts)
    return tmp_path / "tiny.safetensors"


def test_a_calibrated_checkpoint_states_its_uncertainty_and_where_it_is_from(
    tmp_path: Path, checkpoint: Path
) -> None:
    before = load_checkpoint(checkpoint)
    window = cut_window(record(), 10.0)
    assert window is not None
    assert load_predict(checkpoint)[0]([window]).uncertainty is None
    fit = calibrate(checkpoint, [(held_out(tmp_path), "dev")])
    after = load_checkpoint(checkpoint)
    assert after.facts.errors == after.model.errors == fit.model
    assert read_weights(checkpoint).errors == fit.model
    training = json.loads(after.facts.training)
    assert training["epochs"] == 3
    assert training["errors"]["held_out"] == ["set:dev"]
    assert training["errors"]["events"] == fit.events == 12
    predicted, plain = load_predict(checkpoint)[0]([window]), before.model.state_dict()
    assert predicted.uncertainty is not None
    assert predicted.uncertainty > 0
    assert all(torch.equal(plain[key], value) for key, value in after.model.state_dict().items())


def test_too_few_earthquakes_and_unknown_splits_leave_the_file_as_it_was(
    tmp_path: Path, checkpoint: Path
) -> None:
    content = checkpoint.read_bytes()
    folder = held_out(tmp_path, events=3)
    with pytest.raises(ConfigError, match="3 earthquakes and records of noise, 12 are needed"):
        calibrate(checkpoint, [(folder, "dev")])
    with pytest.raises(ConfigError, match=r"'tets'.*train, dev, test, all"):
        calibrate(checkpoint, [(folder, "tets")])
    assert checkpoint.read_bytes() == content

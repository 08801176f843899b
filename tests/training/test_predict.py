from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.records import record
from umamba_rt.core.estimate import ModelName
from umamba_rt.core.preprocess import prepare
from umamba_rt.errors import CheckpointError, UnavailableError
from umamba_rt.models.checkpoint import save
from umamba_rt.models.config import V2Config
from umamba_rt.models.facts import CheckpointFacts, Preprocessing
from umamba_rt.models.seeded import untrained
from umamba_rt.models.state import build
from umamba_rt.training.predict import load_predict, run
from umamba_rt.training.windows import CutWindow, cut_window


def windows(n: int) -> list[CutWindow]:
    found = [cut_window(record(seed=seed), 5) for seed in range(n)]
    return [window for window in found if window is not None]


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_checkpoint_of_either_model_predicts_as_its_engine(tmp_path: Path, name: ModelName) -> None:
    from umamba_rt.engine import load_engine

    path, model = tmp_path / "m.safetensors", untrained(name)
    save(path, model, CheckpointFacts(name, "test", False, Preprocessing.of(model.config)))
    predict, identity = load_predict(path, threads=1)
    assert (identity.name, identity.version) == (name, "test")
    found = predict(windows(3))
    assert found.uncertainty is None
    engine = load_engine(path, name=name, threads=1)
    samples = np.stack([window.samples for window in windows(3)])
    calibrations = [window.calibration for window in windows(3)]
    prepared = prepare(samples, calibrations, "std", amplitude=False)
    assert np.array_equal(found.magnitude, engine.run(prepared).magnitude)
    assert len(predict([]).magnitude) == 0
    assert run(engine, windows(1)).magnitude.shape == (1,)


def test_checkpoint_of_other_windows_is_refused(tmp_path: Path) -> None:
    config = V2Config(in_samples=1501)
    path = tmp_path / "m.safetensors"
    save(path, build(config), CheckpointFacts("v2", "test", False, Preprocessing.of(config)))
    with pytest.raises(CheckpointError, match="takes windows of 1501 samples, expected 3001"):
        load_predict(path)
    with pytest.raises(UnavailableError):
        load_predict(tmp_path / "none")

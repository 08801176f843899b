"""models with amplitude features: what they take, what they know, what stays as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from umamba_rt.core.amplitude import N_AMPLITUDE, amplitude_features, unknown_amplitude
from umamba_rt.core.calibration import Calibration
from umamba_rt.core.estimate import ModelName
from umamba_rt.core.preprocess import ModelInput, prepare
from umamba_rt.engine.torch_engine import TorchEngine
from umamba_rt.errors import ModelError
from umamba_rt.models import UMambaV1, UMambaV2, load
from umamba_rt.models.checkpoint import save
from umamba_rt.models.config import CONFIGS
from umamba_rt.models.facts import CheckpointFacts, Preprocessing
from umamba_rt.models.state import Model, build
from umamba_rt.models.summary import count_parameters

GENERATOR = np.random.default_rng(3)


def model_of(name: ModelName) -> Model:
    torch.manual_seed(0)
    return build(CONFIGS[name].from_dict({"amplitude_features": True})).eval()


def test_head_and_bottleneck_grow_by_the_features_alone() -> None:
    assert count_parameters(UMambaV2(amplitude_features=True)) == 191_313 + N_AMPLITUDE * 128
    perceptron = (N_AMPLITUDE + 1) * 128 + 129 * 64
    assert count_parameters(UMambaV1(amplitude_features=True)) == 230_425 + perceptron


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_without_features_the_unit_is_unknown(name: ModelName) -> None:
    model, x = model_of(name), torch.randn(2, 3, 3001)
    with torch.inference_mode():
        torch.testing.assert_close(model(x), model(x, torch.from_numpy(unknown_amplitude(2))))


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_a_window_ten_times_as_strong_gives_another_estimate(name: ModelName) -> None:
    engine = engine_of(name)
    window = GENERATOR.normal(0, 1e-5, (1, 3, 3001))
    calibration = [Calibration("m/s", (1.0,) * 3)]
    weak, strong = (
        engine.run(prepare(window * factor, calibration, "std", amplitude=True)).magnitude
        for factor in (1, 10)
    )
    assert abs(strong - weak) > 1e-5


def engine_of(name: ModelName) -> TorchEngine:
    model = model_of(name)
    facts = CheckpointFacts(name, "test", True, Preprocessing.of(model.config))
    model.identity = facts.identity("0" * 64)
    return TorchEngine(model, threads=2)


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_engine_gives_each_window_its_own_features(name: ModelName) -> None:
    engine, windows = engine_of(name), GENERATOR.normal(0, 1e-5, (9, 3, 3001))
    calibrations = [Calibration("m/s", (10.0**k,) * 3) for k in range(9)]
    batch = prepare(windows, calibrations, engine.norm, amplitude=engine.amplitude_features)
    together = engine.run(batch).magnitude
    assert batch.amplitude is not None
    alone = [
        engine.run(ModelInput(batch.samples[k : k + 1], batch.amplitude[k : k + 1])).magnitude[0]
        for k in range(9)
    ]
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-5)


def test_features_of_another_shape_are_our_bug() -> None:
    samples = np.zeros((2, 3, 3001), np.float32)
    with pytest.raises(ModelError, match="amplitude"):
        engine_of("v2").run(ModelInput(samples, np.zeros((2, 5), np.float32)))


def test_a_model_that_does_not_ask_gets_no_features() -> None:
    samples = np.zeros((2, 3, 3001), np.float32)
    known = [Calibration("m/s", (1.0,) * 3)] * 2
    assert prepare(samples, known, "std", amplitude=False).amplitude is None
    features = prepare(samples, known, "std", amplitude=True).amplitude
    assert features is not None
    np.testing.assert_array_equal(features, amplitude_features(samples, known))


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_checkpoint_keeps_that_the_features_are_wanted(name: ModelName, tmp_path: Path) -> None:
    model = model_of(name)
    facts = CheckpointFacts(name, "test", True, Preprocessing.of(model.config))
    assert facts.preprocessing.amplitude
    save(tmp_path / "model.safetensors", model, facts)
    loaded, x = load(tmp_path / "model.safetensors"), torch.randn(2, 3, 3001)
    assert loaded.config == model.config
    with torch.inference_mode():
        torch.testing.assert_close(loaded(x), model(x))

"""models/shipped.py: what comes with the package, and that a configuration finds it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from tests.support import ROOT
from umamba_rt.core.amplitude import unknown_amplitude
from umamba_rt.core.calibration import Calibration
from umamba_rt.core.estimate import ModelName
from umamba_rt.core.preprocess import ModelInput, prepare
from umamba_rt.engine import load_engine
from umamba_rt.engines import checkpoint_path
from umamba_rt.models.loading import load_checkpoint
from umamba_rt.models.shipped import shipped


def weights(name: ModelName) -> Path:
    path = shipped(name)
    if path is None:
        pytest.skip(f"the package comes without weights of {name}")
    return path


def test_an_empty_checkpoint_means_the_packages_own_and_untrained_means_none() -> None:
    assert checkpoint_path("", "v2") == shipped("v2") is not None
    assert checkpoint_path("untrained", "v2") is None
    assert checkpoint_path("some/file", "v2") == Path("some/file")


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_shipped_weights_are_small_trained_and_say_how_they_were_made(name: ModelName) -> None:
    path = weights(name)
    assert path.stat().st_size < 2_000_000
    checkpoint = load_checkpoint(path)
    assert checkpoint.facts.name == name
    assert checkpoint.facts.trained
    assert checkpoint.facts.preprocessing.amplitude
    assert '"recipe"' in checkpoint.facts.training
    assert checkpoint.facts.errors is not None


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_a_stronger_motion_reads_a_larger_magnitude(name: ModelName) -> None:
    """A quiet start, P after 10 s and S after 14 s: an earthquake at 30 km."""
    engine = load_engine(weights(name), name=name)
    rng = np.random.default_rng(1)
    shape = np.full(3001, 0.01)
    shape[1000:1400] = 0.2
    shape[1400:] = np.exp(-np.arange(1601) / 500)
    wave = rng.normal(size=(3, 3001))
    wave = np.apply_along_axis(np.convolve, 1, wave, np.hanning(15), "same") * shape
    calibration = [Calibration("m/s", (1e9,) * 3)]
    read = []
    for peak in (1e-7, 1e-5, 1e-3):
        counts = wave[None] * peak * 1e9
        inputs = prepare(counts, calibration, engine.norm, amplitude=True)
        read.append(float(engine.run(inputs).magnitude[0]))
    assert 0 < read[0] < read[1] < read[2] < 7
    assert read[2] - read[0] > 1.5


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_an_unknown_unit_gives_a_finite_number(name: ModelName) -> None:
    engine = load_engine(weights(name), name=name)
    samples = np.random.default_rng(0).normal(size=(2, 3, 3001)).astype(np.float32)
    assert np.isfinite(engine.run(ModelInput(samples, unknown_amplitude(2))).magnitude).all()


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_the_card_names_the_file_that_is_shipped(name: ModelName) -> None:
    digest = hashlib.sha256(weights(name).read_bytes()).hexdigest()
    assert digest in (ROOT / "docs" / "models" / f"{name}.md").read_text(encoding="utf-8")

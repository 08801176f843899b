"""engine/fast_cpu.py: the numbers of models/, whatever the batch, the window or the config."""

from __future__ import annotations

import functools
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.legacy_files import shake
from tests.support import needs_shared, ridgecrest
from umamba_rt.core.amplitude import N_AMPLITUDE
from umamba_rt.core.estimate import Float32Array, ModelIdentity, ModelName
from umamba_rt.core.preprocess import ModelInput, normalise
from umamba_rt.engine.base import Engine
from umamba_rt.engine.fast_cpu import FastCpuEngine
from umamba_rt.engine.weights import UnsuitableError, weights_of
from umamba_rt.errors import ModelError
from umamba_rt.models import UMambaV1, UMambaV2, load
from umamba_rt.models.shipped import shipped
from umamba_rt.models.state import Model, values_of

TOLERANCE = 1e-4  # magnitude units
NAMES: tuple[ModelName, ...] = ("v1", "v2")


def windows(count: int, seed: int = 0) -> Float32Array:
    """Noise with an onset of another size in each, normalised."""
    rng = np.random.default_rng(seed)
    growth = np.maximum(0, np.linspace(-1, 1, 3001))
    raw = rng.standard_normal((count, 3, 3001)) * np.exp(rng.normal(0, 3, (count, 1, 1)) * growth)
    return normalise(raw, "std")


def amplitude(count: int, seed: int = 0) -> Float32Array:
    return np.random.default_rng(seed).normal(0, 0.3, (count, N_AMPLITUDE)).astype(np.float32)


@functools.cache
def shipped_model(name: ModelName) -> Model:
    path = shipped(name)
    assert path is not None
    return load(path)


@functools.cache
def shipped_engine(name: ModelName) -> FastCpuEngine:
    return FastCpuEngine(weights_of(shipped_model(name)), threads=2)


def named(model: Model) -> Model:
    """With an identity, statistics that a fold can get wrong, and weights that let signals through.

    Fresh random weights answer all windows alike, to 1e-5.
    """
    shake(model)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and not name.endswith("A_log"):
                parameter.mul_(1.5)
    model.identity = ModelIdentity(model.config.name, "shaken", "0" * 64, trained=False)
    return model.eval()


def expected(model: Model, batch: ModelInput) -> Float32Array:
    inputs = [torch.tensor(batch.samples)]
    if batch.amplitude is not None:
        inputs.append(torch.tensor(batch.amplitude))
    with torch.inference_mode():
        values: Float32Array = values_of(model, *inputs).numpy()
    return values


def found(engine: Engine, batch: ModelInput) -> Float32Array:
    """V2's magnitudes and spreads, V1's curves."""
    output = engine.run(batch)
    assert output.spread is not None
    if output.evolution is None:
        return np.stack((output.magnitude, output.spread), axis=1)
    np.testing.assert_allclose(output.spread, output.evolution.std(axis=1), rtol=1e-6)
    return output.evolution


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8, deadline=None)
@given(count=st.integers(1, 9), seed=st.integers(0, 2**32 - 1), known=st.booleans())
def test_shipped_weights_give_the_numbers_of_the_model(
    name: ModelName, count: int, seed: int, known: bool
) -> None:
    batch = ModelInput(windows(count, seed), amplitude(count, seed) if known else None)
    want = expected(shipped_model(name), batch)
    np.testing.assert_allclose(found(shipped_engine(name), batch), want, rtol=0, atol=TOLERANCE)


MODELS: dict[str, Callable[[], Model]] = {
    "v2": lambda: UMambaV2(),
    "v2 with the maximum": lambda: UMambaV2(pooling_type="max", hidden_dims=(), norm="peak"),
    "v2 of odd sizes": lambda: UMambaV2(
        2, n_stages=3, features_per_stage=(5, 6, 7), strides=(3, 1, 2), kernel_size=5
    ),
    "v2 with channels as tokens": lambda: UMambaV2(
        in_samples=200, features_per_stage=(4, 8, 16, 32)
    ),
    "v2 of one stage": lambda: UMambaV2(
        n_stages=1, features_per_stage=8, strides=2, in_samples=99, amplitude_features=True
    ),
    "v1": lambda: UMambaV1(readout="end"),
    "v1 of three stages": lambda: UMambaV1(stem_skip=False),
    "v1 of odd sizes": lambda: UMambaV1(
        deep_supervision=True, in_samples=2999, strides=(2, 3, 1, 4)
    ),
    "v1 with channels as tokens": lambda: UMambaV1(
        in_samples=200, features_per_stage=(4, 8, 16, 32), amplitude_features=True
    ),
}


@pytest.mark.parametrize("which", MODELS)
def test_other_models_give_their_own_numbers(which: str) -> None:
    torch.manual_seed(0)
    model = named(MODELS[which]())
    config = model.config
    rng = np.random.default_rng(3)
    samples = rng.standard_normal((3, config.in_channels, config.in_samples), dtype=np.float32)
    samples[1:, :, 40:] *= 10.0
    samples[2, :, -30:] *= 10.0
    batch = ModelInput(samples, amplitude(3) if config.amplitude_features else None)
    want = expected(model, batch)
    size = np.abs(want).max()
    assert np.ptp(want, axis=0).max() > 1e-2 * size
    got = found(FastCpuEngine(weights_of(model), threads=2), batch)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * size + 1e-7)


def extremes() -> Float32Array:
    """Windows in counts as no sensor gives them, and as a dead one does."""
    raw = np.random.default_rng(5).standard_normal((8, 3, 3001))
    raw[0] = 0.0
    raw[1] = 1e12
    raw[2] *= 1e-12
    raw[3] *= 1e12
    raw[4, :, 1000:1800] = 0.0  # a gap that was filled
    raw[5, 1] = 7.0
    raw[6] = 0.0
    raw[6, :, 1500] = 1e9  # one spike
    raw[7] = np.sign(raw[7]) * 2**23  # clipped
    return normalise(raw, "std")


@pytest.mark.parametrize("name", NAMES)
def test_extreme_windows_give_the_numbers_of_the_model(name: ModelName) -> None:
    batch = ModelInput(extremes())
    want = expected(shipped_model(name), batch)
    assert np.isfinite(want).all()
    np.testing.assert_allclose(found(shipped_engine(name), batch), want, rtol=0, atol=TOLERANCE)


@needs_shared
@pytest.mark.parametrize("name", NAMES)
def test_recorded_windows_give_the_numbers_of_the_model(name: ModelName) -> None:
    trace = ridgecrest("CCC", 3600.0, 90.0)
    starts = range(0, 6000, 400)
    batch = ModelInput(normalise(np.stack([trace[:3, k : k + 3001] for k in starts]), "std"))
    want = expected(shipped_model(name), batch)
    np.testing.assert_allclose(found(shipped_engine(name), batch), want, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", NAMES)
def test_window_gives_the_same_bits_in_any_batch(name: ModelName) -> None:
    samples, engine = windows(13, 1), shipped_engine(name)
    together = found(engine, ModelInput(samples))
    for count in (1, 2, 5):
        assert np.array_equal(found(engine, ModelInput(samples[-count:])), together[-count:])


@pytest.mark.parametrize("name", NAMES)
def test_window_of_nan_spoils_only_its_own_number(name: ModelName) -> None:
    engine, samples = shipped_engine(name), windows(5, 2)
    clean = engine.run(ModelInput(samples)).magnitude
    samples[1, 0, 100:] = np.nan
    samples[2, 2, 3000] = np.inf
    spoilt = engine.run(ModelInput(samples)).magnitude
    assert np.isfinite(spoilt).tolist() == [True, False, False, True, True]
    assert np.array_equal(spoilt[[0, 3, 4]], clean[[0, 3, 4]])
    samples[1:3] = windows(2, 3)
    assert np.isfinite(engine.run(ModelInput(samples)).magnitude).all()  # nothing stays behind


def test_engine_of_a_new_checkpoint_gives_its_numbers() -> None:
    samples = windows(3, 4)
    torch.manual_seed(0)
    first, second = (named(UMambaV2()) for _ in range(2))
    engines = [FastCpuEngine(weights_of(model), threads=1) for model in (first, second)]
    answers = [found(engine, ModelInput(samples)) for engine in engines]
    for answer, model in zip(answers, (first, second), strict=True):
        want = expected(model, ModelInput(samples))
        np.testing.assert_allclose(answer, want, rtol=0, atol=TOLERANCE)
    assert not np.allclose(answers[0], answers[1], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", NAMES)
def test_empty_batch_gives_an_empty_answer(name: ModelName) -> None:
    output = shipped_engine(name).run(ModelInput(windows(0)))
    assert output.magnitude.shape == (0,)
    assert (output.evolution is None) == (name == "v2")
    if output.evolution is not None:
        assert output.evolution.shape == (0, 3001)


@pytest.mark.parametrize(
    "batch",
    [
        ModelInput(np.zeros((2, 3, 3000), np.float32)),
        ModelInput(np.zeros((2, 3, 3001), np.float64)),
        ModelInput(np.zeros((3, 3001), np.float32)),
        ModelInput(np.zeros((2, 3, 3001), np.float32), np.zeros((1, N_AMPLITUDE), np.float32)),
    ],
)
def test_batch_of_another_shape_or_dtype_is_our_bug(batch: ModelInput) -> None:
    with pytest.raises(ModelError, match="expected float32"):
        shipped_engine("v2").run(batch)


def test_batch_that_cannot_be_written_to_is_taken_and_left_alone() -> None:
    samples = windows(3)[:, :, ::-1]  # nor is it contiguous
    kept = samples.copy()
    samples.flags.writeable = False
    shipped_engine("v2").run(ModelInput(samples))
    assert np.array_equal(samples, kept)


def test_several_threads_may_run_at_once() -> None:
    engine, samples = shipped_engine("v2"), windows(6)
    want = engine.run(ModelInput(samples)).magnitude
    answers: list[Float32Array] = []

    def work() -> None:
        answers.extend(engine.run(ModelInput(samples)).magnitude for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(answers) == 15
    assert all(np.array_equal(answer, want) for answer in answers)


def test_weights_that_contradict_their_config_are_refused() -> None:
    sound = weights_of(named(UMambaV2(in_samples=99)))
    tensors = dict(sound.tensors)
    for key, value, problem in (
        ("encoder.stem.conv1.weight", None, "missing key"),
        ("encoder.stem.conv1.weight", np.zeros((8, 3, 5), np.float32), "of shape"),
        ("encoder.mamba_layers.1.mamba.D", np.full(32, np.nan, np.float32), "not finite"),
        ("encoder.stem.conv9.weight", np.zeros(1, np.float32), "unexpected key"),
    ):
        changed = {**tensors, key: value} if value is not None else dict(tensors)
        if value is None:
            del changed[key]
        with pytest.raises(UnsuitableError, match=problem):
            FastCpuEngine(replace(sound, tensors=changed), threads=1)


def test_engine_says_what_it_is() -> None:
    engine: Engine = shipped_engine("v2")
    assert (engine.norm, engine.in_samples, engine.rate_hz) == ("std", 3001, 100.0)
    assert engine.backend == engine.identity.engine == "fast-cpu"
    model = shipped_model("v2")
    assert model.identity == replace(engine.identity, engine="")


def test_shipped_weights_run_without_torch() -> None:
    code = (
        "import sys; from umamba_rt.engine import load_engine;"
        "from umamba_rt.models.shipped import shipped;"
        "load_engine(shipped('v2'), name='v2', engine='fast-cpu').warm_up();"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_moves_estimates_by_hundredths(name: ModelName) -> None:
    batch = ModelInput(windows(6, 6))
    engine = FastCpuEngine(weights_of(shipped_model(name)), threads=1, half=True)
    want = shipped_engine(name).run(batch).magnitude
    np.testing.assert_allclose(engine.run(batch).magnitude, want, rtol=0, atol=0.05)

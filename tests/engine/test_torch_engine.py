"""engine/torch_engine.py: the model's own numbers, at once from several threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from umamba_rt.core.estimate import BatchOutput, Float32Array, ModelName
from umamba_rt.core.preprocess import ModelInput
from umamba_rt.engine.base import Engine
from umamba_rt.engine.torch_engine import TorchEngine
from umamba_rt.errors import ModelError
from umamba_rt.models import UMambaV2, load, untrained
from umamba_rt.models.shipped import shipped
from umamba_rt.models.state import Model


def windows(count: int, seed: int = 0) -> Float32Array:
    return np.random.default_rng(seed).standard_normal((count, 3, 3001), dtype=np.float32)


def lively(name: ModelName) -> Model:
    """The package's own weights: those of random ones vary by 1e-5, which proves little."""
    path = shipped(name)
    assert path is not None
    return load(path)


def test_v2_gives_the_numbers_of_the_model() -> None:
    model, batch = lively("v2"), windows(4)
    batch *= np.linspace(0.1, 1, 3001, dtype=np.float32) ** np.arange(4)[:, None, None]
    output = TorchEngine(model).run(ModelInput(batch))
    with torch.no_grad():
        expected = model(torch.tensor(batch)).numpy()
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(output.magnitude, expected, rtol=1e-5, atol=1e-5)
    assert output.magnitude.dtype == np.float32
    assert output.evolution is None
    assert output.spread is not None
    assert output.spread.shape == (4,)
    assert np.ptp(output.spread) > 0.05


def test_v1_gives_the_curve_of_the_model_and_its_mean() -> None:
    model, batch = lively("v1"), windows(3)
    output = TorchEngine(model).run(ModelInput(batch))
    with torch.no_grad():
        expected = model(torch.tensor(batch)).numpy()
    assert output.evolution is not None
    assert output.evolution.dtype == output.magnitude.dtype == np.float32
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(output.evolution, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(output.magnitude, expected.mean(axis=1), rtol=1e-5, atol=1e-5)
    assert output.spread is not None
    np.testing.assert_allclose(output.spread, expected.std(axis=1), rtol=1e-4)


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_empty_batch_gives_an_empty_answer(name: ModelName) -> None:
    output = TorchEngine(untrained(name)).run(ModelInput(windows(0)))
    assert output.magnitude.shape == (0,)
    assert (output.evolution is None) == (name == "v2")
    if output.evolution is not None:
        assert output.evolution.shape == (0, 3001)


@pytest.mark.parametrize(
    "batch",
    [
        np.zeros((2, 3, 3000), np.float32),
        np.zeros((2, 4, 3001), np.float32),
        np.zeros((3, 3001), np.float32),
        np.zeros((2, 3, 3001), np.float64),
    ],
)
def test_batch_of_another_shape_or_dtype_is_our_bug(batch: Float32Array) -> None:
    with pytest.raises(ModelError, match="expected float32"):
        TorchEngine(untrained("v2")).run(ModelInput(batch))


def test_batch_that_cannot_be_written_to_is_taken_and_left_alone() -> None:
    batch = windows(2)
    kept = batch.copy()
    batch.flags.writeable = False
    TorchEngine(untrained("v2")).run(ModelInput(batch))
    assert np.array_equal(batch, kept)


@pytest.mark.parametrize("name", ["v1", "v2"])
def test_window_of_nan_spoils_only_its_own_number(name: ModelName) -> None:
    engine, batch = TorchEngine(untrained(name)), windows(3)
    clean = engine.run(ModelInput(batch)).magnitude
    batch[1, 0, 100:] = np.nan
    found = engine.run(ModelInput(batch)).magnitude
    assert np.isnan(found).tolist() == [False, True, False]
    np.testing.assert_allclose(found[[0, 2]], clean[[0, 2]], rtol=1e-5, atol=1e-5)


def test_window_gives_the_same_number_in_any_batch() -> None:
    engine, batch = TorchEngine(lively("v2")), windows(13)
    together = engine.run(ModelInput(batch)).magnitude
    alone = [engine.run(ModelInput(window[None])).magnitude[0] for window in batch]
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-5)


def test_engine_says_what_it_wants() -> None:
    engine: Engine = TorchEngine(untrained("v2", 2))
    assert (engine.norm, engine.in_samples, engine.rate_hz) == ("std", 3001, 100.0)
    assert (engine.backend, engine.identity.version) == ("torch", "untrained-2")
    assert engine.identity.engine == "torch"
    engine.warm_up()


def test_model_that_is_changed_later_does_not_change_the_engine() -> None:
    model, batch = untrained("v2"), windows(1)
    engine = TorchEngine(model)
    before = engine.run(ModelInput(batch)).magnitude
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert np.array_equal(engine.run(ModelInput(batch)).magnitude, before)


def test_model_without_identity_is_refused() -> None:
    with pytest.raises(ModelError, match="identity"):
        TorchEngine(UMambaV2())


def test_two_models_run_at_once_in_two_threads() -> None:
    engines, batch = [TorchEngine(untrained("v1")), TorchEngine(untrained("v2"))], windows(4)
    expected = [engine.run(ModelInput(batch)).magnitude for engine in engines]
    found: list[list[BatchOutput]] = [[], []]

    def work(k: int) -> None:
        for _ in range(5):
            found[k].append(engines[k].run(ModelInput(batch)))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    for outputs, want in zip(found, expected, strict=True):
        assert len(outputs) == 5
        for output in outputs:
            np.testing.assert_allclose(output.magnitude, want, rtol=1e-5, atol=1e-5)

"""engine/fallback.py: a fast engine's failure costs a warning, and no window."""

from __future__ import annotations

import numpy as np
import pytest

from umamba_rt.core.estimate import BatchOutput, Float32Array
from umamba_rt.core.preprocess import ModelInput
from umamba_rt.engine.fallback import FallbackEngine
from umamba_rt.engine.fast_cpu import FastCpuEngine
from umamba_rt.engine.torch_engine import TorchEngine
from umamba_rt.engine.weights import weights_of
from umamba_rt.errors import ModelError
from umamba_rt.models import untrained

MODEL = untrained("v2")


class Failing(FastCpuEngine):
    """The real engine until it is told to fail."""

    broken = False

    def run(self, batch: ModelInput) -> BatchOutput:
        if self.broken:
            raise RuntimeError("could not execute a primitive")
        return FastCpuEngine.run(self, batch)


def windows(count: int) -> Float32Array:
    return np.random.default_rng(0).standard_normal((count, 3, 3001), dtype=np.float32)


def test_failure_is_told_once_and_torch_gives_the_numbers() -> None:
    fast = Failing(weights_of(MODEL), threads=1)
    told: list[str] = []
    engine = FallbackEngine(fast, lambda: TorchEngine(MODEL, threads=1), told.append)
    batch = ModelInput(windows(3))
    before = engine.run(batch).magnitude
    assert (engine.backend, engine.identity.engine, told) == ("fast-cpu", "fast-cpu", [])
    fast.broken = True
    for _ in range(2):
        np.testing.assert_allclose(engine.run(batch).magnitude, before, rtol=0, atol=1e-5)
    assert told == [
        "fast-cpu failed, torch takes over: RuntimeError: could not execute a primitive"
    ]
    assert (engine.backend, engine.identity.engine) == ("torch", "torch")


def test_failure_while_warming_up_is_told_too() -> None:
    fast = Failing(weights_of(MODEL), threads=1)
    told: list[str] = []
    fast.broken = True
    engine = FallbackEngine(fast, lambda: TorchEngine(MODEL, threads=1), told.append)
    engine.warm_up()
    assert (engine.backend, len(told)) == ("torch", 1)
    assert engine.run(ModelInput(windows(1))).magnitude.shape == (1,)


def test_wrong_batch_is_not_the_engines_fault() -> None:
    told: list[str] = []
    fast = FastCpuEngine(weights_of(MODEL), threads=1)
    engine = FallbackEngine(fast, lambda: TorchEngine(MODEL), told.append)
    with pytest.raises(ModelError, match="expected float32"):
        engine.run(ModelInput(np.zeros((1, 3, 7), np.float32)))
    assert (engine.backend, told) == ("fast-cpu", [])


def test_failure_of_the_plain_engine_is_raised() -> None:
    fast, plain = (Failing(weights_of(MODEL), threads=1) for _ in range(2))
    fast.broken = True
    engine = FallbackEngine(fast, lambda: plain, lambda _: None)
    assert engine.run(ModelInput(windows(1))).magnitude.shape == (1,)
    plain.broken = True
    with pytest.raises(RuntimeError, match="primitive"):
        engine.run(ModelInput(windows(1)))
    with pytest.raises(RuntimeError, match="primitive"):
        engine.warm_up()


def test_engine_says_what_the_one_inside_says() -> None:
    fast = FastCpuEngine(weights_of(MODEL), threads=1)
    engine = FallbackEngine(fast, lambda: fast, lambda _: None)
    assert (engine.norm, engine.in_samples, engine.rate_hz) == ("std", 3001, 100.0)
    assert engine.amplitude_features == MODEL.config.amplitude_features

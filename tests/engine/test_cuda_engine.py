"""engine/cuda_engine.py: the CPU's numbers on a GPU, whatever the batch."""

from __future__ import annotations

import statistics
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.core.amplitude import N_AMPLITUDE
from umamba_rt.core.estimate import Float32Array, ModelName
from umamba_rt.core.preprocess import ModelInput, normalise
from umamba_rt.engine import load_engine
from umamba_rt.engine.cuda_engine import BATCH_SIZES, CudaEngine, pieces
from umamba_rt.engine.torch_engine import TorchEngine
from umamba_rt.errors import ModelError
from umamba_rt.models import UMambaV2, load
from umamba_rt.models.scan import has_mamba_ssm
from umamba_rt.models.shipped import shipped
from umamba_rt.models.state import Model

WANTED_PER_S = 50_000  # of V2 on an H100 or H200, from host memory

needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device here; see docs/gpu.md"
)
NAMES: tuple[ModelName, ...] = ("v1", "v2")


@given(st.integers(0, 2000))
def test_pieces_cover_a_batch_once_and_waste_little(count: int) -> None:
    found = list(pieces(count))
    covered = [k for piece in found for k in range(piece.first, piece.end)]
    assert covered == list(range(count))
    for piece in found:
        assert 0 < piece.end - piece.first <= piece.size
        assert piece.size in BATCH_SIZES
    assert all(piece.size == BATCH_SIZES[-1] for piece in found[:-1])


def weights(name: ModelName) -> Model:
    path = shipped(name)
    assert path is not None
    return load(path)


def windows(count: int) -> Float32Array:
    return normalise(np.random.default_rng(0).standard_normal((count, 3, 3001)), "std")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_model_without_identity_is_refused() -> None:
    with pytest.raises(ModelError, match="identity"):
        CudaEngine(UMambaV2())


@pytest.mark.cuda
@needs_cuda
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [0, 1, 3, 17, 300, 1025])
def test_numbers_are_those_of_the_cpu(name: ModelName, count: int) -> None:
    model = weights(name)
    rng = np.random.default_rng(1)
    levels = rng.normal(0, 0.3, (count, N_AMPLITUDE)).astype(np.float32)
    batch = ModelInput(windows(count), levels)
    found, expected = CudaEngine(model).run(batch), TorchEngine(model).run(batch)
    np.testing.assert_allclose(found.magnitude, expected.magnitude, rtol=0, atol=1e-4)
    assert found.spread is not None
    assert expected.spread is not None
    np.testing.assert_allclose(found.spread, expected.spread, rtol=0, atol=1e-4)
    if found.evolution is not None and expected.evolution is not None:
        np.testing.assert_allclose(found.evolution, expected.evolution, rtol=0, atol=1e-4)


@pytest.mark.cuda
@needs_cuda
@pytest.mark.parametrize("name", NAMES)
def test_half_precision_moves_estimates_by_hundredths(name: ModelName) -> None:
    model, batch = weights(name), ModelInput(windows(64))
    found, expected = CudaEngine(model, half=True).run(batch), CudaEngine(model).run(batch)
    assert not np.array_equal(found.magnitude, expected.magnitude)
    np.testing.assert_allclose(found.magnitude, expected.magnitude, rtol=0, atol=0.05)


@pytest.mark.cuda
@needs_cuda
def test_window_of_nan_spoils_only_its_own_number() -> None:
    engine, samples = CudaEngine(weights("v2")), windows(5)
    clean = engine.run(ModelInput(samples)).magnitude
    samples[1, 0, 100:] = np.nan
    found = engine.run(ModelInput(samples)).magnitude
    assert np.isnan(found).tolist() == [False, True, False, False, False]
    np.testing.assert_allclose(found[[0, 2, 3, 4]], clean[[0, 2, 3, 4]], rtol=0, atol=1e-5)


@pytest.mark.cuda
@needs_cuda
@pytest.mark.skipif(not has_mamba_ssm(), reason="mamba-ssm is not installed")
@pytest.mark.parametrize("half", [False, True])
def test_throughput_from_host_memory(half: bool) -> None:
    engine = load_engine(shipped("v2"), name="v2", engine="cuda", half=half)
    engine.warm_up()
    batch = ModelInput(windows(4096))
    spent = []
    for _ in range(10):
        begin = time.perf_counter()
        engine.run(batch)
        spent.append(time.perf_counter() - begin)
    rate = len(batch) / statistics.median(spent)
    print(f"{torch.cuda.get_device_name()}: {rate:.0f} windows/s, half precision {half}")
    if any(card in torch.cuda.get_device_name() for card in ("H100", "H200")):
        assert rate >= WANTED_PER_S

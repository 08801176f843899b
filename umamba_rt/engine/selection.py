"""Which backend runs a model here, and the fall to torch where a fast one cannot be made."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from umamba_rt.engine.fallback import FallbackEngine, failure
from umamba_rt.engine.weights import UnsuitableError, Weights, read_weights, weights_of
from umamba_rt.errors import CheckpointError, UmambaRtError, UnavailableError

if TYPE_CHECKING:
    from umamba_rt.core.estimate import ModelName
    from umamba_rt.engine.base import Engine, EngineName
    from umamba_rt.models.state import Model

HOW_TO_INSTALL = "OpenVINO is not installed: pip install 'umamba-rt[fast]'"
_DRIVER = Path("/proc/driver/nvidia/version")


def has_openvino() -> bool:
    """Whether the fast engine for CPUs can be imported; it is not imported."""
    return importlib.util.find_spec("openvino") is not None


def chosen(engine: EngineName) -> EngineName:
    """The backend that ``auto`` means on this machine; any other as it is."""
    if engine != "auto":
        return engine
    if _DRIVER.exists() and _has_cuda():  # torch, which takes seconds, only where a driver is
        return "cuda"
    return "fast-cpu" if has_openvino() else "torch"


def make(
    checkpoint: Path | None,
    name: ModelName,
    seed: int,
    engine: EngineName,
    *,
    threads: int | None,
    half: bool,
    tell: Callable[[str], None],
) -> Engine:
    """Make an engine; arguments and errors are those of `umamba_rt.engine.load_engine`."""
    backend = chosen(engine)
    if backend == "fast-cpu" and not has_openvino():
        raise UnavailableError(backend, HOW_TO_INSTALL)
    if backend == "cuda" and not _has_cuda():
        raise UnavailableError(backend, "no CUDA device")
    plain = partial(_torch_engine, checkpoint, name, seed, threads)
    if backend == "torch":
        return plain()
    try:
        if backend == "cuda":
            fast = _cuda_engine(checkpoint, name, seed, half=half)
        else:
            fast = _fast_cpu_engine(checkpoint, name, seed, threads, half=half)
    except UmambaRtError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a library raises, torch takes over
        engine_of_torch = plain()  # first: where the file is at fault, that is what must be said
        tell(failure(backend, error))
        return engine_of_torch
    return FallbackEngine(fast, plain, tell)


def _fast_cpu_engine(
    checkpoint: Path | None, name: ModelName, seed: int, threads: int | None, *, half: bool
) -> Engine:
    from umamba_rt.engine.fast_cpu import FastCpuEngine

    weights = _weights(checkpoint, name, seed)
    return FastCpuEngine(weights, threads=threads, half=half)


def _weights(checkpoint: Path | None, name: ModelName, seed: int) -> Weights:
    """Without torch for a sound file of our format; torch knows all others, or what is wrong."""
    if checkpoint is not None:
        try:
            weights = read_weights(checkpoint)
        except UnsuitableError:
            pass
        else:
            _check_name(checkpoint, weights.config.name, name)
            return weights
    return weights_of(_model(checkpoint, name, seed))


def _torch_engine(
    checkpoint: Path | None, name: ModelName, seed: int, threads: int | None
) -> Engine:
    from umamba_rt.engine.torch_engine import TorchEngine

    return TorchEngine(_model(checkpoint, name, seed), threads=threads)


def _cuda_engine(checkpoint: Path | None, name: ModelName, seed: int, *, half: bool) -> Engine:
    from umamba_rt.engine.cuda_engine import CudaEngine

    return CudaEngine(_model(checkpoint, name, seed), half=half)


def _model(checkpoint: Path | None, name: ModelName, seed: int) -> Model:
    from umamba_rt.models.loading import load
    from umamba_rt.models.seeded import untrained

    if checkpoint is None:
        return untrained(name, seed)
    model = load(checkpoint)
    _check_name(checkpoint, model.config.name, name)
    return model


def _check_name(checkpoint: Path, found: ModelName, expected: ModelName) -> None:
    if found != expected:
        raise CheckpointError(str(checkpoint), f"holds {found}, expected {expected}")


def _has_cuda() -> bool:
    import torch

    return bool(torch.cuda.is_available())

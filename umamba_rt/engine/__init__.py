"""How a model is run fast on this hardware: one interface, backends that all equal ``models/``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from umamba_rt.core.estimate import ModelName
    from umamba_rt.engine.base import Engine, EngineName


def load_engine(
    checkpoint: Path | None,
    *,
    name: ModelName,
    seed: int = 0,
    engine: EngineName = "auto",
    threads: int | None = None,
) -> Engine:
    """Make the engine for a checkpoint, or for seeded random weights when there is none.

    Args:
        checkpoint: a file of either format; None: untrained weights.
        name: the model that must be in it.
        seed: of the untrained weights.
        engine: which backend; ``auto``: the fastest that this machine can run.
        threads: on the CPU, how many windows are worked on at once; None: as many as cores.
        threads: on the CPU, how many windows are worked on at once; None: as many as cores.

    Raises:
        UnavailableError: the file cannot be read, or the backend that was asked for by name lacks
            its device or its package.
        CheckpointError: the file is damaged or holds another model than ``name``.
    """
    # torch takes seconds to import: the command line imports this package for its types alone.
    import torch

    from umamba_rt.engine.torch_engine import TorchEngine
    from umamba_rt.errors import CheckpointError, UnavailableError
    from umamba_rt.models.loading import load
    from umamba_rt.models.seeded import untrained

    if engine == "fast-cpu":
        raise UnavailableError(engine, "OpenVINO is not installed: pip install 'umamba-rt[fast]'")
    if engine == "cuda" and not torch.cuda.is_available():
        raise UnavailableError(engine, "no CUDA device")
    device = "cuda" if engine == "cuda" else "cpu"
    if checkpoint is None:
        return TorchEngine(untrained(name, seed), device=device, threads=threads)
    model = load(checkpoint)
    if model.config.name != name:
        raise CheckpointError(str(checkpoint), f"holds {model.config.name}, expected {name}")
    return TorchEngine(model, device=device, threads=threads)

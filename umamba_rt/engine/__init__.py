"""How a model is run fast on this hardware: one interface, backends that all equal ``models/``."""

from __future__ import annotations

import warnings
from collections.abc import Callable
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
    half: bool = False,
    tell: Callable[[str], None] = warnings.warn,
) -> Engine:
    """Make the engine for a checkpoint, or for seeded random weights when there is none.

    Args:
        checkpoint: a file of either format; None: untrained weights.
        name: the model that must be in it.
        seed: of the untrained weights.
        engine: which backend; ``auto``: the fastest that this machine can run.
        threads: on the CPU, how many windows are worked on at once; None: as many as cores.
        half: all but the scans in half precision, where a fast backend runs; see
            ``docs/decisions/0009-fast-cpu.md`` for what it costs.
        tell: called once with a sentence when a fast backend fails and torch takes over.

    Raises:
        UnavailableError: the file cannot be read, or the backend that was asked for by name lacks
            its device or its package.
        CheckpointError: the file is damaged or holds another model than ``name``.
    """
    # Imported late: the command line imports this package for its types alone.
    from umamba_rt.engine.selection import make

    return make(checkpoint, name, seed, engine, threads=threads, half=half, tell=tell)

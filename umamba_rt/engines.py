"""The engines that a configuration asks for, made and checked against it."""

from __future__ import annotations

from pathlib import Path

import structlog

from umamba_rt.config import UNTRAINED, Config
from umamba_rt.core.estimate import ModelName
from umamba_rt.core.timebase import RATE_HZ
from umamba_rt.engine import load_engine
from umamba_rt.engine.base import Engine
from umamba_rt.errors import ConfigError, ConfigProblem
from umamba_rt.models.shipped import shipped


def make_engines(config: Config) -> list[Engine]:
    """V2's engine, and V1's where it is enabled; ready to run.

    Raises:
        UnavailableError: a checkpoint file is missing.
        CheckpointError: a checkpoint cannot be used.
        ConfigError: a checkpoint wants other windows than the configuration cuts.
    """
    engines = [_make(config, "v2", config.model.checkpoint, config.model.seed, "model")]
    if config.model_v1.enabled:
        v1 = config.model_v1
        engines.append(_make(config, "v1", v1.checkpoint, v1.seed, "model_v1"))
    return engines


def checkpoint_path(configured: str, name: ModelName) -> Path | None:
    """The file that ``checkpoint`` in a configuration means; None for random weights."""
    if configured == UNTRAINED:
        return None
    return Path(configured) if configured else shipped(name)


def _make(config: Config, name: ModelName, checkpoint: str, seed: int, section: str) -> Engine:
    path = checkpoint_path(checkpoint, name)
    engine = load_engine(path, name=name, seed=seed, threads=config.model.threads or None)
    length = config.pipeline.rules.length
    if engine.in_samples != length or engine.rate_hz != RATE_HZ:
        wanted = (engine.in_samples - 1) / engine.rate_hz
        problem = ConfigProblem(
            "window.length_s", f"{config.window.length_s:g}", f"{wanted:g} (at {RATE_HZ} Hz)"
        )
        raise ConfigError(f"[{section}] checkpoint", (problem,))
    engine.warm_up()
    log = structlog.get_logger()
    identity = engine.identity
    log.info(
        "model",
        name=name,
        version=identity.version,
        sha256=identity.sha256[:12],
        backend=engine.backend,
    )
    if not identity.trained:
        log.warning(
            "model_untrained", name=name, meaning="random weights: its numbers are no magnitudes"
        )
    return engine

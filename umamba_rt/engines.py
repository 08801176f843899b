"""The engines that a configuration asks for, made and checked against it."""

from __future__ import annotations

from pathlib import Path

import structlog

from umamba_rt.config.model import UNTRAINED
from umamba_rt.config.whole import Config
from umamba_rt.core.estimate import ModelName
from umamba_rt.core.timebase import RATE_HZ
from umamba_rt.engine import load_engine
from umamba_rt.engine.base import Engine
from umamba_rt.engine.selection import HOW_TO_INSTALL, has_openvino
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
    engine = _loaded(config, name, checkpoint, seed)
    length = config.pipeline.rules.length
    if engine.in_samples != length or engine.rate_hz != RATE_HZ:
        wanted = (engine.in_samples - 1) / engine.rate_hz
        problem = ConfigProblem(
            "window.length_s", f"{config.window.length_s:g}", f"{wanted:g} (at {RATE_HZ} Hz)"
        )
        raise ConfigError(f"[{section}] checkpoint", (problem,))
    engine.warm_up()
    _log(config, engine)
    return engine


def _loaded(config: Config, name: ModelName, checkpoint: str, seed: int) -> Engine:
    if config.model.engine == "fast-cpu" and not has_openvino():
        expected = f"another ({HOW_TO_INSTALL})"
        raise ConfigError("[model]", (ConfigProblem("model.engine", "fast-cpu", expected),))
    return load_engine(
        checkpoint_path(checkpoint, name),
        name=name,
        seed=seed,
        engine=config.model.engine,
        threads=config.model.threads or None,
        half=config.model.half_precision,
        tell=lambda problem: structlog.get_logger().warning(
            "engine_failed", name=name, problem=problem
        ),
    )


def _log(config: Config, engine: Engine) -> None:
    log, identity = structlog.get_logger(), engine.identity
    log.info(
        "model",
        name=identity.name,
        version=identity.version,
        sha256=identity.sha256[:12],
        backend=engine.backend,
    )
    if config.model.engine == "auto" and not has_openvino() and engine.backend == "torch":
        log.info("engine_slow", name=identity.name, meaning=HOW_TO_INSTALL)
    if not identity.trained:
        log.warning(
            "model_untrained",
            name=identity.name,
            meaning="random weights: its numbers are no magnitudes",
        )

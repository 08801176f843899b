"""A training run's recipe: the one definition of its keys, defaults and limits, read from TOML."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from umamba_rt.config.table import key, near_miss, read_section, show
from umamba_rt.errors import ConfigError, ConfigProblem, UnavailableError
from umamba_rt.models.config import CONFIGS, ModelConfig, V1Config, V2Config

_PATH = re.compile(r"[^\0]*")


@dataclass(frozen=True, slots=True)
class DataRecipe:
    """What is learned from."""

    real: tuple[str, ...] = key(
        "folders in SeisBench's format; their train split trains, their dev split chooses",
        (),
        pattern=_PATH,
        shape="paths",
    )
    leave_out: tuple[str, ...] = key(
        "sources within these folders (their column part) that neither train nor choose",
        (),
        pattern=re.compile(r"[^\0]+"),
        shape="names",
    )
    lowest_magnitude: float = key("real earthquakes below are left out", -10.0, low=-10, high=10)
    highest_magnitude: float = key("real earthquakes above are left out", 10.0, low=-10, high=10)
    real_share: float = key(
        "of the windows that are real; the rest is synthetic", 0.5, low=0, high=1
    )
    synthetic_count: int = key("synthetic records to draw from", 0, low=0, high=10**7)
    synthetic_seed: int = key("of the synthetic records", 1, low=0, high=2**31 - 1)
    event_power: float = key(
        "an earthquake of n records weighs n to this power: 1 counts records, 0 earthquakes",
        0.5,
        low=0,
        high=1,
    )
    noise_share: float = key("of the windows that hold no earthquake", 0.1, low=0, high=1)
    unknown_unit_share: float = key(
        "of the windows whose unit the model is not told", 0.05, low=0, high=1
    )
    seconds_share: float = key(
        "of the windows whose levels of each second the model is told; without them it must learn\n"
        "from the waveform when what arrived",
        1.0,
        low=0,
        high=1,
    )
    large_weight: float = key(
        "an earthquake of magnitude 5 or more is drawn this much more often",
        1.0,
        low=0.01,
        high=100,
    )
    augment: bool = key("turn, flip, weaken and disturb windows", True)
    earliest_s: float = key("least time from P to a window's end", 0.5, low=0, high=30)
    latest_s: float = key("largest time from P to a window's end", 29.9, low=0, high=30)


@dataclass(frozen=True, slots=True)
class FitRecipe:
    """How it is learned. The defaults are the reference recipe's."""

    seed: int = key("of weights, order and dropout", 0, low=0, high=2**31 - 1)
    epochs: int = key("most passes", 150, low=1, high=100000)
    windows_per_epoch: int = key("windows in a pass", 6400, low=1, high=10**8)
    batch_size: int = key("windows in a step", 64, low=2, high=4096)
    learning_rate: float = key("of AdamW", 1e-3, low=1e-8, high=1)
    weight_decay: float = key("of AdamW", 1e-5, low=0, high=1)
    warm_up_epochs: int = key(
        "over which the learning rate grows to its value", 5, low=0, high=1000
    )
    schedule: Literal["plateau", "cosine"] = key(
        "plateau: halved when the dev error stops falling; cosine: to zero at the last epoch",
        "plateau",
    )
    plateau_epochs: int = key("without a better dev error before a halving", 5, low=1, high=1000)
    clip_norm: float = key("largest norm of a gradient", 1.0, low=1e-6, high=1e6)
    stop_epochs: int = key("end after so many without a better dev error", 15, low=1, high=100000)
    loss: Literal["mse", "huber"] = key(
        "huber: square up to 0.5 magnitude units, linear beyond", "mse"
    )
    target: Literal["constant", "after-p"] = key(
        "V1: the magnitude over the whole window, or 0 before P and the magnitude after it",
        "constant",
    )
    ema_decay: float = key(
        "the weights kept are a running mean with this factor a step; 0: the latest",
        0.0,
        low=0,
        high=0.99999,
    )
    head_windows: int = key(
        "V2 with amplitude features: windows that its head alone is taught with first; it hears\n"
        "the encoder where that has learned something, by start_from",
        0,
        low=0,
        high=10**8,
    )
    head_passes: int = key("over these windows", 10, low=1, high=1000)
    start_from: str = key(
        "checkpoint whose weights are gone on from; of the other model, its encoder's",
        "",
        pattern=_PATH,
        shape="a path",
    )
    threads: int = key("of torch; 0 takes all cores", 0, low=0, high=1024)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole run."""

    model: ModelConfig = field(default_factory=V2Config)
    data: DataRecipe = field(default_factory=DataRecipe)
    fit: FitRecipe = field(default_factory=FitRecipe)


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        UnavailableError: the file cannot be read.
        ConfigError: it is not TOML, or anything in it is wrong; lists all problems.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnavailableError(str(path), error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(str(path), (ConfigProblem("(file)", str(error), "TOML"),)) from error
    return recipe_of(tree, where=str(path))


def recipe_of(tree: dict[str, Any], *, where: str) -> Recipe:
    """Make a recipe of plain values; see `load_recipe`.

    Raises:
        ConfigError: anything in it is wrong; lists all problems.
    """
    sections = ["model", "data", "fit"]
    problems = [
        ConfigProblem(name, "unknown section", near_miss(name, sections))
        for name in tree
        if name not in sections
    ]
    model = _model(tree.get("model", {}), problems)
    data = read_section(DataRecipe, tree.get("data", {}), "data", problems)
    fit = read_section(FitRecipe, tree.get("fit", {}), "fit", problems)
    if data is not None:
        problems += _contradictions(data)
    if fit is not None and fit.head_windows and not (model and _has_head(model)):
        expected = "0, or V2 with amplitude_features"
        problems.append(ConfigProblem("fit.head_windows", str(fit.head_windows), expected))
    if fit is not None and isinstance(model, V1Config):
        wanted = "end" if fit.target == "after-p" else "mean"
        if model.readout != wanted:
            expected = f'"{wanted}" with fit.target = "{fit.target}"'
            problems.append(ConfigProblem("model.readout", f'"{model.readout}"', expected))
    if problems or model is None or data is None or fit is None:
        raise ConfigError(where, tuple(problems))
    return Recipe(model, data, fit)


def _model(table: Any, problems: list[ConfigProblem]) -> ModelConfig | None:
    if not isinstance(table, dict):
        problems.append(ConfigProblem("model", show(table), "a section"))
        return None
    values = dict(table)
    name = values.pop("name", "v2")
    if not isinstance(name, str) or name not in CONFIGS:
        problems.append(ConfigProblem("model.name", repr(name), 'one of "v1", "v2"'))
        return None
    try:
        return CONFIGS[name].from_dict(values)
    except ValueError as error:
        problems.append(ConfigProblem("model", str(error), "arguments of the model"))
        return None


def _has_head(model: ModelConfig) -> bool:
    return isinstance(model, V2Config) and model.amplitude_features


def _contradictions(data: DataRecipe) -> list[ConfigProblem]:
    found = []
    if data.latest_s <= data.earliest_s:
        expected = "more than data.earliest_s"
        found.append(ConfigProblem("data.latest_s", f"{data.latest_s:g}", expected))
    if data.highest_magnitude <= data.lowest_magnitude:
        expected = "more than data.lowest_magnitude"
        found.append(
            ConfigProblem("data.highest_magnitude", f"{data.highest_magnitude:g}", expected)
        )
    if data.real_share > 0 and not data.real:
        found.append(ConfigProblem("data.real", "nothing", "a folder, or real_share = 0"))
    if data.real_share < 1 and not data.synthetic_count:
        found.append(ConfigProblem("data.synthetic_count", "0", "some, or real_share = 1"))
    return found

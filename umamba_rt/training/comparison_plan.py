"""Which variants of a training run are compared, read from one TOML file."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from umamba_rt.errors import ConfigError, ConfigProblem, UnavailableError
from umamba_rt.training.recipe import Recipe, recipe_of

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_SECTIONS = ("model", "data", "fit")


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One training run of a comparison.

    Attributes:
        variant: its name, also of its folder.
        seed: of weights, order and dropout.
        recipe: the whole of it.
    """

    variant: str
    seed: int
    recipe: Recipe


def load_plan(path: Path) -> list[PlannedRun]:
    """Read a plan: ``seeds``, a ``[base]`` recipe, and ``[[variant]]`` blocks that change it.

    A variant has a ``name`` and may have ``model``, ``data`` and ``fit`` tables, whose keys
    replace the base's, and fewer ``seeds``. Runs come seed by seed, so that an unfinished
    comparison has all variants.

    Raises:
        UnavailableError: the file cannot be read.
        ConfigError: anything in it is wrong; lists all problems of a recipe at once.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnavailableError(str(path), error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(str(path), (ConfigProblem("(file)", str(error), "TOML"),)) from error
    seeds, variants = tree.get("seeds"), tree.get("variant")
    problems = [
        ConfigProblem(name, "unknown key", "seeds, base, variant")
        for name in tree
        if name not in ("seeds", "base", "variant")
    ]
    if not _are_seeds(seeds):
        problems.append(ConfigProblem("seeds", repr(seeds), "a list of whole numbers"))
    if not isinstance(variants, list) or not variants:
        problems.append(ConfigProblem("variant", repr(variants), "[[variant]] blocks"))
    base = tree.get("base", {})
    if not isinstance(base, dict):
        problems.append(ConfigProblem("base", repr(base), "[base.model], [base.data], [base.fit]"))
    if problems or not isinstance(seeds, list) or not isinstance(variants, list):
        raise ConfigError(str(path), tuple(problems))
    _check_names(str(path), variants)
    _check_seeds(str(path), variants, seeds)
    return [
        PlannedRun(variant["name"], seed, _recipe(path, base, variant, seed))
        for seed in seeds
        for variant in variants
        if seed in variant.get("seeds", seeds)
    ]


def _are_seeds(found: Any) -> bool:
    return isinstance(found, list) and bool(found) and all(type(seed) is int for seed in found)


def _check_seeds(where: str, variants: list[Any], seeds: list[int]) -> None:
    for index, variant in enumerate(variants):
        own = variant.get("seeds", seeds)
        if not _are_seeds(own) or not set(own) <= set(seeds):
            problem = ConfigProblem(f"variant[{index}].seeds", repr(own), f"some of {seeds}")
            raise ConfigError(where, (problem,))


def _check_names(where: str, variants: list[Any]) -> None:
    names = [variant.get("name") if isinstance(variant, dict) else None for variant in variants]
    for index, name in enumerate(names):
        if not isinstance(name, str) or not _NAME.fullmatch(name) or names.count(name) > 1:
            expected = "a name of its own: letters, digits, dots and dashes"
            problem = ConfigProblem(f"variant[{index}].name", repr(name), expected)
            raise ConfigError(where, (problem,))


def _recipe(path: Path, base: dict[str, Any], variant: dict[str, Any], seed: int) -> Recipe:
    where = f"{path}, variant {variant['name']}"
    tree = {name: _merged(where, name, base, variant) for name in _SECTIONS}
    tree["fit"]["seed"] = seed
    unknown = [name for table in (base, variant) for name in table if name not in _SECTIONS]
    # For recipe_of to complain of.
    tree |= {name: {} for name in unknown if name not in ("name", "seeds")}
    return recipe_of(tree, where=where)


def _merged(where: str, name: str, *tables: dict[str, Any]) -> dict[str, Any]:
    """A section of the base with what the variant changes of it."""
    merged: dict[str, Any] = {}
    for table in tables:
        section = table.get(name, {})
        if not isinstance(section, dict):
            raise ConfigError(where, (ConfigProblem(name, repr(section), "a section"),))
        merged |= section
    return merged

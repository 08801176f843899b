"""The configuration file: TOML and environment to a ``Config``, all mistakes reported at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from umamba_rt.config.access import EndpointConfig, access_contradictions
from umamba_rt.config.events import event_contradictions
from umamba_rt.config.metrics import metrics_contradictions
from umamba_rt.config.origin import ENV_PREFIX, Origins
from umamba_rt.config.sections import PLAIN, Section, sections
from umamba_rt.config.seedlink import seedlink_contradictions
from umamba_rt.config.table import (
    hints,
    near_miss,
    read_section,
    render_section,
    show,
    toml_value,
)
from umamba_rt.config.whole import Config
from umamba_rt.errors import ConfigError, ConfigProblem, UnavailableError

_SECTIONS = {section.name: section for section in sections()}
_OWNERS = {
    item.name: section.title for section in reversed(sections()) for item in fields(section.kind)
}


def load(path: Path, environment: Mapping[str, str], *, needs_server: bool = False) -> Config:
    """Read a configuration file and the environment's overrides.

    Args:
        path: a TOML file.
        environment: ``UMAMBA_RT_SECTION__KEY`` overrides ``[section] key``; values are TOML, or
            plain text where a text is wanted.
        needs_server: it must name a server to read from.

    Raises:
        UnavailableError: the file cannot be read.
        ConfigError: it is not TOML, or anything in it is wrong; lists all problems.
    """
    return parse(read_text(path), environment, where=str(path), needs_server=needs_server)


def read_text(path: Path) -> str:
    """A configuration file's text.

    Raises:
        UnavailableError: the file cannot be read.
        ConfigError: it is not UTF-8.
    """
    try:
        content = path.read_bytes()
        return content.decode().removeprefix("\ufeff")  # some editors begin a file with this mark
    except OSError as error:
        raise UnavailableError(str(path), error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"byte {error.start} is not UTF-8"
        problem = ConfigProblem("(file)", found, "UTF-8 text", f"line {line}")
        raise ConfigError(str(path), (problem,)) from error


@contextmanager
def locating(path: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Add the lines of this file to a ``ConfigError`` of what was made of it."""
    try:
        yield
    except ConfigError as error:
        problems = Origins(read_text(path), environment).locate(error.problems)
        raise ConfigError(f"{path}, {error.where}", problems) from error


def parse(
    text: str, environment: Mapping[str, str], *, where: str, needs_server: bool = False
) -> Config:
    """Read a configuration from text; see ``load``.

    Raises:
        ConfigError: it is not TOML, or anything in it is wrong; lists all problems.
    """
    try:
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also an integer of 5,000 digits, and brackets
        problem = ConfigProblem("(file)", str(error), "TOML")
        raise ConfigError(where, Origins("", {}).locate([problem])) from error
    problems: list[ConfigProblem] = []
    _override(tree, environment, problems)
    problems.extend(
        ConfigProblem(name, "unknown section", near_miss(name, list(_SECTIONS)))
        for name in tree
        if name not in _SECTIONS
    )
    made: dict[str, Any] = {}
    places: dict[str, list[int]] = {}
    for name, section in _SECTIONS.items():
        if not section.repeated:
            made[name] = read_section(section.kind, tree.get(name, {}), name, problems, _OWNERS)
        elif name in tree:
            blocks = _blocks(section, tree[name], problems)
            made[name], places[name] = tuple(blocks.values()), list(blocks)
    if needs_server and not tree.get("seedlink"):
        problems.append(ConfigProblem("seedlink", "nothing", "at least one [[seedlink]] block"))
    good = {name: value for name, value in made.items() if value is not None}
    config = Config(**good)
    # A section that is wrong by itself stands here as its defaults, of which nothing is told.
    problems += [
        one
        for one in _contradictions(config, places)
        if made.get(one.key.partition(".")[0], config) is not None
    ]
    if problems:
        raise ConfigError(where, Origins(text, environment).locate(problems))
    return config


def _contradictions(config: Config, places: Mapping[str, Sequence[int]]) -> list[ConfigProblem]:
    """What is wrong between keys that are each right.

    Args:
        config: of everything that is right by itself.
        places: where in the file its blocks of a repeated section stand, as numbers from 0.
    """
    problems = []
    if config.window.max_gap_s >= config.window.length_s:
        found = f"{config.window.max_gap_s:g}"
        problems.append(ConfigProblem("window.max_gap_s", found, "less than window.length_s"))
    numbers = places.get("publisher", range(len(config.publisher)))
    endpoints: dict[str, EndpointConfig] = {
        f"publisher[{number}]": one for number, one in zip(numbers, config.publisher, strict=True)
    }
    if config.query.address:
        endpoints["query"] = config.query
    problems += access_contradictions(endpoints, config.access)
    problems += event_contradictions(config.events)
    problems += metrics_contradictions(config.metrics, endpoints)
    for number, server in zip(places.get("seedlink", ()), config.seedlink, strict=True):
        problems += seedlink_contradictions(server, f"seedlink[{number}]")
    return problems


def _override(
    tree: dict[str, Any], environment: Mapping[str, str], problems: list[ConfigProblem]
) -> None:
    """Put the environment's values into the tree; of a repeated section, into every block."""
    for variable, text in sorted(environment.items()):
        if not variable.startswith(ENV_PREFIX):
            continue
        section, _, name = variable.removeprefix(ENV_PREFIX).lower().partition("__")
        if section not in _SECTIONS or not name:
            expected = f"{ENV_PREFIX}SECTION__KEY with " + near_miss(section, list(_SECTIONS))
            problems.append(ConfigProblem(variable, f"section {section!r}", expected))
            continue
        kind, repeated = _SECTIONS[section].kind, _SECTIONS[section].repeated
        value = text if hints(kind).get(name) is str else toml_value(text)
        tables = tree.setdefault(section, [{}] if repeated else {})
        for table in tables if isinstance(tables, list) else [tables]:
            if isinstance(table, dict):
                table[name] = value


def _blocks(section: Section, blocks: Any, problems: list[ConfigProblem]) -> dict[int, Any]:
    """The blocks that are right, by their place in the file."""
    name = section.name
    if isinstance(blocks, dict) and name == PLAIN:
        blocks = [blocks]
    if not isinstance(blocks, list) or (name == PLAIN and not blocks):
        found = "a table" if isinstance(blocks, dict) else show(blocks)
        problems.append(ConfigProblem(name, found, f"[[{name}]] blocks"))
        return {}
    made = {
        number: read_section(section.kind, block, f"{name}[{number}]", problems, _OWNERS)
        for number, block in enumerate(blocks)
    }
    return {number: one for number, one in made.items() if one is not None}


def render_default() -> str:
    """The commented default file: every key, its meaning and its default."""
    lines = [
        "# Configuration of umamba-rt. A key that is commented out shows its default.",
        "# The environment overrides: UMAMBA_RT_WINDOW__HOP_S=0.5 is [window] hop_s = 0.5.",
        "# `umamba-rt check FILE` lists every mistake at once.",
    ]
    for section in sections():
        lines += ["", *render_section(section.title, section.kind)]
    return "\n".join(lines) + "\n"

"""``umamba-rt config``: what holds in the end, and the schema for editors."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from umamba_rt.config.file import parse, read_text
from umamba_rt.config.origin import Origins
from umamba_rt.config.schema import schema
from umamba_rt.config.sections import sections
from umamba_rt.config.table import show
from umamba_rt.config.whole import Config

_COMMENT_COLUMN = 48


def print_effective(path: Path) -> int:
    """Print what holds, as TOML, each value with its origin.

    Raises:
        ConfigError: anything is wrong; lists all of it.
        UnavailableError: the file cannot be read.
    """
    text = read_text(path)
    config = parse(text, os.environ, where=str(path))
    print(f"# {path}")
    for line in effective(config, text, os.environ):
        print(line)
    return 0


def print_schema() -> int:
    """Print the JSON Schema of the file."""
    print(json.dumps(schema(), indent=2))
    return 0


def effective(config: Config, text: str, environment: Mapping[str, str]) -> Iterator[str]:
    """The lines of ``umamba-rt config show``: TOML that says the same as ``config``.

    No value is a secret: the configuration only names where secrets lie.

    Args:
        config: what was made of the others.
        text: the file.
        environment: whose variables override it.
    """
    origins = Origins(text, environment)
    for section in sections():
        value = getattr(config, section.name)
        for index, block in enumerate(value if section.repeated else [value]):
            where = f"{section.name}[{index}]" if section.repeated else section.name
            yield ""
            yield section.title
            for item in fields(section.kind):
                setting = f"{item.name} = {_toml(getattr(block, item.name))}"
                origin = origins.of(f"{where}.{item.name}") or "default"
                yield f"{setting:<{_COMMENT_COLUMN}}  # {origin}"


def _toml(value: Any) -> str:
    """A value as TOML, whatever a text holds: JSON's strings are TOML's."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return show(value)

"""``docs/config.md``, made of the one definition of the configuration."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any

from umamba_rt.config.sections import Section, sections
from umamba_rt.config.table import expected, hints, show

_HEAD = """\
# Configuration

Made by `make generated` from `umamba_rt/config/`; change it there.

One TOML file, `/etc/umamba-rt/umamba-rt.toml` unless the command line names another. A key that is
not set has its default. An unknown key or section is a mistake, and so is a value out of its range;
nothing starts until there is none (exit status 78).

- `umamba-rt check FILE` lists every mistake at once: line, key, what was found, what is expected.
- `umamba-rt config show FILE` prints what holds in the end, and where each value comes from.
- `umamba-rt config schema` prints a JSON Schema; `config/umamba-rt.schema.json` is the same. An
  editor with taplo reads it from a first line `#:schema /path/to/umamba-rt.schema.json`.
- The environment overrides the file: `UMAMBA_RT_SECTION__KEY`, as in `UMAMBA_RT_WINDOW__HOP_S=0.5`.
  The value is TOML, or plain text where a text is wanted. A variable of a section that may be
  repeated goes to each of its blocks.
- No key holds a secret. Passwords, tokens and keys lie in files or variables that the configuration
  names, and are read from there.
"""


def render_docs() -> str:
    """The page: every section and key with meaning, range, default and variable."""
    return "\n".join([_HEAD, *(_section(section) for section in sections())])


def _section(section: Section) -> str:
    types = hints(section.kind)
    rows = [_row(item, types[item.name]) for item in fields(section.kind)]
    head = [f"## `{section.title}`", "", section.meaning.replace("``", "`"), ""]
    table = ["| Key | Default | Expected | Meaning |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *table, *rows, ""])


def _row(item: Field[Any], hint: Any) -> str:
    default = "none: must be set" if item.default is MISSING else f"`{show(item.default)}`"
    prose = [_prose(text) for text in (expected(item, hint), item.metadata["text"])]
    return f"| `{item.name}` | {default} | {prose[0]} | {prose[1]} |"


def _prose(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("*", "\\*")

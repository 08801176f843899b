"""The configuration as JSON Schema, for editors that complete and check TOML."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any, get_args

from umamba_rt.config.sections import PLAIN, Section, sections
from umamba_rt.config.table import expected, hints

Json = dict[str, Any]
# The draft that taplo and Even Better TOML read.
_DRAFT = "http://json-schema.org/draft-07/schema#"


def schema() -> Json:
    """JSON Schema, draft 7, of the file.

    It refuses whatever ``umamba-rt check`` refuses, but for what it cannot say: multiples of a
    hundredth (no such number is one in binary) and contradictions between keys.
    """
    return {
        "$schema": _DRAFT,
        "title": "umamba-rt.toml",
        "description": "Configuration of umamba-rt, as `umamba-rt config schema` prints it.",
        "type": "object",
        "additionalProperties": False,
        "properties": {section.name: _section(section) for section in sections()},
    }


def _section(section: Section) -> Json:
    types = hints(section.kind)
    items = fields(section.kind)
    table: Json = {
        "description": section.meaning,
        "type": "object",
        "additionalProperties": False,
        "properties": {item.name: _key(item, types[item.name]) for item in items},
    }
    if required := [item.name for item in items if item.default is MISSING]:
        table["required"] = required
    if not section.repeated:
        return table
    blocks: Json = {"type": "array", "items": table}
    if section.name != PLAIN:
        return blocks
    return {"anyOf": [{**blocks, "minItems": 1}, table]}


def _key(item: Field[Any], hint: Any) -> Json:
    text = " ".join(item.metadata["text"].split())
    made: Json = {"description": f"{text} ({expected(item, hint)})", **_type(item, hint)}
    if item.default is not MISSING:
        made["default"] = list(item.default) if isinstance(item.default, tuple) else item.default
    return made


def _type(item: Field[Any], hint: Any) -> Json:
    limits = item.metadata
    if hint == tuple[str, ...]:
        made: Json = {"type": "array", "items": _text(item)}
        return made if item.default == () else {**made, "minItems": 1}
    if choices := get_args(hint):
        return {"enum": list(choices)}
    if hint is bool:
        return {"type": "boolean"}
    if hint is str:
        return _text(item)
    kind = "integer" if hint is int else "number"
    return {"type": kind, "minimum": limits["low"], "maximum": limits["high"]}


def _text(item: Field[Any]) -> Json:
    pattern = item.metadata["pattern"]
    return {"type": "string"} | ({"pattern": f"^(?:{pattern.pattern})$"} if pattern else {})

"""``docs/feed.md``, made of the schemas, of messages of a real run, and of what is to be said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from umamba_rt.wire.schemas import KINDS, schema

Body = Mapping[str, Any]
EXAMPLES = ("magnitude.v2", "magnitude.v1", "event", "network", "station", "heartbeat")
_UNITS = {"s": "s", "ms": "ms", "hz": "Hz", "db": "dB", "km": "km", "deg": "degree"}
_LEAST_MAGNITUDE = 3.0  # of an example
_MOST_SHOWN = 4  # of an array in an example


def suits(name: str, topic: str, body: Body) -> bool:
    """Whether a message may stand for one of ``EXAMPLES``."""
    kind = body["schema"].split("/")[1]
    if kind == "magnitude":
        in_event = body["quality"]["triggered"] and body["magnitude"] > _LEAST_MAGNITUDE
        return topic.startswith(f"{name}.") and bool(in_event)
    return kind == name and body.get("state") not in ("open", "updated")


def render_docs(about: str, examples: Mapping[str, bytes]) -> str:
    """The page.

    Args:
        about: what is said before the messages.
        examples: a body in JSON for each of ``EXAMPLES``.
    """
    head = f"{about.rstrip()}\n\n## Messages\n"
    return "\n".join([head, *(_kind(kind, examples) for kind in KINDS)])


def _kind(kind: str, examples: Mapping[str, bytes]) -> str:
    found = schema(kind)
    lines = [f"### `umamba-rt/{kind}/1`", "", f"{found['title']}. {found['description']}", ""]
    lines += ["| Field | Type | Unit | There | Meaning |", "| --- | --- | --- | --- | --- |"]
    lines += _rows(found, "")
    for name, body in examples.items():
        if name.split(".")[0] == kind:
            lines += ["", f"`docs/feed/{name}.json`:", "", "```text", *_shown(body), "```"]
    return "\n".join([*lines, ""])


def _rows(described: Mapping[str, Any], above: str) -> Iterator[str]:
    required = described.get("required", ())
    for name, item in described["properties"].items():
        path = f"{above}{name}"
        there = _there(item, required=name in required)
        meaning = item.get("description", "").replace("|", "\\|")
        yield f"| `{path}` | {_type(item)} | {_unit(name, item)} | {there} | {meaning} |"
        within = item.get("items", item)
        if "properties" in within and not (name == "station" and above):  # told of before
            yield from _rows(within, f"{path}{'[]' if 'items' in item else ''}.")


def _there(item: Mapping[str, Any], *, required: bool) -> str:
    limits = [] if required else ["not always"]
    if "null" in _kinds(item):
        limits.append("may be null")
    return ", ".join(limits) or "always"


def _type(item: Mapping[str, Any]) -> str:
    if "const" in item:
        return f"`{json.dumps(item['const'])}`"
    if "enum" in item:
        return "one of " + ", ".join(f"`{value}`" for value in item["enum"])
    named = [kind for kind in _kinds(item) if kind != "null"]
    if item.get("format") == "date-time":
        named = ["time"]
    if named == ["array"]:
        return f"array of {_type(item['items'])}"
    return " or ".join(named)


def _unit(name: str, item: Mapping[str, Any]) -> str:
    if "unit" in item:
        return str(item["unit"])
    if item.get("format") == "date-time":
        return "UTC"
    if "_" not in name or not {"number", "integer"} & set(_kinds(item)):
        return ""
    return _UNITS.get(name.rpartition("_")[2], "")


def _kinds(item: Mapping[str, Any]) -> list[str]:
    kinds = item.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _shown(body: bytes) -> list[str]:
    """An example over several lines; of a long array the first values."""
    return _abridged(json.loads(body), "").splitlines()


def _abridged(value: Any, indent: str) -> str:
    if isinstance(value, dict) and value:
        inner = indent + "  "
        flat = json.dumps(value)
        if len(flat) + len(indent) < 90 and "[" not in flat:
            return flat
        rows = [f"{inner}{json.dumps(key)}: {_abridged(one, inner)}" for key, one in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(value, list) and value:
        inner = indent + "  "
        shown = [_abridged(one, inner) for one in value[:_MOST_SHOWN]]
        if len(value) > _MOST_SHOWN:
            shown.append(f"... {len(value)} in all")
        flat = f"[{', '.join(shown)}]"
        if len(flat) + len(indent) < 90 and "\n" not in flat:
            return flat
        return "[\n" + ",\n".join(inner + one for one in shown) + f"\n{indent}]"
    return json.dumps(value)

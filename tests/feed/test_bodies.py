"""feed/bodies.py: the typed bodies say what the JSON Schemas say, field by field."""

from __future__ import annotations

import types
from typing import Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from umamba_rt.feed import bodies
from umamba_rt.wire.schemas import KINDS, schema

BODIES = {
    "magnitude": bodies.MagnitudeBody,
    "event": bodies.EventBody,
    "network": bodies.NetworkBody,
    "station": bodies.StationBody,
    "heartbeat": bodies.HeartbeatBody,
}
NAMES = {str: "string", float: "number", int: "integer", bool: "boolean", type(None): "null"}


def typed(hint: Any) -> Any:
    """A type's shape: JSON types, or the fields of an object with whether each may be absent."""
    if is_typeddict(hint):
        hints = get_type_hints(hint, include_extras=True)
        return {
            name: (get_origin(one) is NotRequired, typed(_bare(one))) for name, one in hints.items()
        }
    if get_origin(hint) in (types.UnionType, Union):
        return frozenset().union(*(typed(one) for one in get_args(hint)))
    if get_origin(hint) is list:
        return [typed(get_args(hint)[0])]
    if get_origin(hint) is dict:
        return {"*": (False, typed(get_args(hint)[1]))}
    return frozenset({NAMES[hint]})


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is NotRequired else hint


def described(part: dict[str, Any]) -> Any:
    """The same of a schema."""
    if "properties" in part:
        absent = part["properties"].keys() - set(part["required"])
        return {name: (name in absent, described(one)) for name, one in part["properties"].items()}
    if isinstance(part.get("additionalProperties"), dict):
        return {"*": (False, described(part["additionalProperties"]))}
    if "items" in part:
        return [described(part["items"])]
    if "enum" in part or "const" in part:
        values = part.get("enum", [part.get("const")])
        return frozenset(NAMES[type(value)] for value in values)
    found = part["type"]
    return frozenset([found] if isinstance(found, str) else found)


def test_there_is_a_body_for_each_kind() -> None:
    assert BODIES.keys() == set(KINDS)


@pytest.mark.parametrize("kind", list(KINDS))
def test_body_has_the_fields_of_its_schema_and_no_other(kind: str) -> None:
    body = typed(BODIES[kind])
    assert body == described(schema(kind))
    assert len(body) > 7

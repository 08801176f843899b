"""How a frozen dataclass is read from a TOML table: types, limits, near misses, default text."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from umamba_rt.errors import ConfigProblem

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

HIDDEN = "[hidden]"
_PATH = re.compile(r"[^\0]*")
# What a secret hardly is: who writes the secret itself there must not read it in the log.
_PATH_OF_A_SECRET = re.compile(r"|(?:\$|[^\0]*/)[^\0]*")
# NAME:PASSWORD@ before a host: no address takes it, and no message repeats it.
_USER_INFO = re.compile(r"([a-z]+://|(?![a-z]+://))(?!/).*@", re.DOTALL)
_T = TypeVar("_T", bound="DataclassInstance")


def key(
    text: str,
    default: Any = MISSING,
    *,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    pattern: re.Pattern[str] | None = None,
    shape: str = "",
    example: str = "",
    private: bool = False,
) -> Any:
    """A configuration key: its line in the default file, and the limits of its value.

    ``private``: it says where a secret lies. Who writes the secret itself there by mistake must not
    find it in a message.
    """
    limits = {"low": low, "high": high, "step": step, "pattern": pattern, "shape": shape}
    metadata = {"text": text, "example": example, "private": private, **limits}
    if default is MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


def path_key(text: str, *, private: bool = False) -> Any:
    """A key that holds a path, or nothing; see ``key``. That of a secret has a ``/`` or a ``$``."""
    if private:
        shape = "a path with a / or a $VARIABLE in it"
        return key(text, "", pattern=_PATH_OF_A_SECRET, shape=shape, private=True)
    return key(text, "", pattern=_PATH, shape="a path")


def read_section(
    kind: type[_T],
    table: Any,
    where: str,
    problems: list[ConfigProblem],
    owners: Mapping[str, str] | None = None,
) -> _T | None:
    """A table as ``kind``, or None and what is wrong with it added to ``problems``.

    ``owners`` tells where each key belongs, for one that stands here by mistake.
    """
    if not isinstance(table, dict):
        problems.append(ConfigProblem(where, show(table), "a section"))
        return None
    keys = {item.name: item for item in fields(kind)}
    before = len(problems)
    problems.extend(
        ConfigProblem(f"{where}.{name}", "unknown key", near_miss(name, list(keys), owners))
        for name in table
        if name not in keys
    )
    values: dict[str, Any] = {}
    for name, item in keys.items():
        if name in table:
            values[name] = _value(item, hints(kind)[name], table[name], f"{where}.{name}", problems)
        elif item.default is MISSING and item.default_factory is MISSING:
            problems.append(
                ConfigProblem(f"{where}.{name}", "nothing", expected(item, hints(kind)[name]))
            )
    return kind(**values) if len(problems) == before else None


def _value(item: Field[Any], hint: Any, found: Any, key: str, problems: list[ConfigProblem]) -> Any:
    """The value as the field's type, or None and a problem."""
    if hint == tuple[str, ...]:
        enough = bool(found) or item.default == ()  # none at all only where that is the default
        good = isinstance(found, list) and enough and all(_fits(item, str, one) for one in found)
        if good:
            return tuple(found)
    elif _fits(item, hint, found):
        return float(found) if hint is float else found
    meant = ""
    if isinstance(found, str):
        near = difflib.get_close_matches(found, map(str, get_args(hint)), n=1)
        meant = f': "{near[0]}"?' if near and hint != tuple[str, ...] else ""
    problems.append(ConfigProblem(key, _told(item, found), expected(item, hint) + meant))
    return None


def _told(item: Field[Any], found: Any) -> str:
    """What a message says of a value that cannot stand."""
    if item.metadata["private"]:
        return HIDDEN
    if isinstance(found, str) and (match := _USER_INFO.match(found)):
        found = f"{match[1]}{HIDDEN}@{found[match.end() :]}"
    return show(found)


def _fits(item: Field[Any], hint: Any, found: Any) -> bool:
    limits = item.metadata
    if choices := get_args(hint):
        return found in choices
    if hint is bool:
        return isinstance(found, bool)
    if hint is str:
        pattern = limits["pattern"]
        return isinstance(found, str) and (pattern is None or bool(pattern.fullmatch(found)))
    if isinstance(found, bool) or not isinstance(found, int if hint is int else int | float):
        return False
    if not (limits["low"] <= found <= limits["high"]):  # false for NaN
        return False
    step = limits["step"]
    return step is None or abs(found / step - round(found / step)) < 1e-6


def expected(item: Field[Any], hint: Any) -> str:
    """What a key may hold, in words."""
    limits = item.metadata
    if hint == tuple[str, ...]:
        return f"a list of {limits['shape']}"
    if choices := get_args(hint):
        return "one of " + ", ".join(f'"{choice}"' for choice in choices)
    if hint is bool:
        return "true or false"
    if hint is str:
        return limits["shape"] or "a text"
    noun = "a whole number" if hint is int else "a number"
    steps = f", a multiple of {limits['step']:g}" if limits["step"] else ""
    return f"{noun} from {limits['low']:g} to {limits['high']:g}{steps}"


def near_miss(name: str, known: list[str], owners: Mapping[str, str] | None = None) -> str:
    """What ``name`` may have meant: a known one, or itself at its place."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f'"{near[0]}"?'
    if owners and name in owners:
        return f"it in {owners[name]}"
    return "one of " + ", ".join(known)


def show(found: Any) -> str:
    """A value as it would stand in the file."""
    if isinstance(found, str):
        return f'"{found}"'
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, tuple):
        return "[" + ", ".join(map(show, found)) + "]"
    return repr(found)


def hints(kind: type[Any]) -> dict[str, Any]:
    """Types of the keys of a section, by name."""
    return get_type_hints(kind)


def toml_value(text: str) -> Any:
    """A TOML value, or the text itself where it is none."""
    try:
        tree = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # TOMLDecodeError is the former
        return text
    return tree["value"] if len(tree) == 1 else text


def render_section(title: str, kind: type[Any]) -> list[str]:
    """The section's lines of the default file: every key with its meaning."""
    lines = [f"# {(kind.__doc__ or '').splitlines()[0]}", title]
    for item in fields(kind):
        lines += [f"# {line}" for line in item.metadata["text"].splitlines()]
        if item.default is MISSING:
            lines.append(f"{item.name} = {item.metadata['example']}")
        else:
            lines.append(f"# {item.name} = {show(item.default)}")
    return lines

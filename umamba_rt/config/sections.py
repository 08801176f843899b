"""Which sections a configuration has, as ``Config`` defines them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from umamba_rt.config.whole import Config

# Of those that may be repeated, the one that may also be written once, as a plain table.
PLAIN = "publisher"


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the file.

    Attributes:
        name: as in ``[name]``.
        kind: the dataclass whose fields are its keys.
        repeated: whether it is an array of tables.
    """

    name: str
    kind: type[Any]
    repeated: bool

    @property
    def title(self) -> str:
        """Its line in the file."""
        return f"[[{self.name}]]" if self.repeated else f"[{self.name}]"

    @property
    def meaning(self) -> str:
        """The first sentence about it."""
        return (self.kind.__doc__ or "").splitlines()[0]


@cache
def sections() -> tuple[Section, ...]:
    """All of them, in the order of the file."""
    types = get_type_hints(Config)
    made = []
    for item in fields(Config):
        repeated = get_origin(types[item.name]) is tuple
        kind = get_args(types[item.name])[0] if repeated else types[item.name]
        made.append(Section(item.name, kind, repeated))
    return tuple(made)

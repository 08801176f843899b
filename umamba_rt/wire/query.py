"""Questions to a running daemon and its answers: one JSON object each way.

A request is ``{"request": NAME, ...}``, with an ``id`` that the answer repeats, if wanted. An
answer has ``schema``, ``request``, ``id`` and what was asked for, or ``error`` with ``code`` and
``message`` in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from umamba_rt.errors import StreamError

SCHEMA_QUERY = "umamba-rt/query/1"
MAX_REQUEST_BYTES = 4096
MAX_ID_CHARACTERS = 64
_MAX_SHOWN = 40

MALFORMED = "malformed"  # no JSON object, or no text under "request"
TOO_LARGE = "too-large"
UNKNOWN_REQUEST = "unknown-request"
BAD_ARGUMENT = "bad-argument"
TOO_MANY = "too-many"  # requests a second
INTERNAL = "internal"  # our bug; the daemon's log has it
ERROR_CODES = (MALFORMED, TOO_LARGE, UNKNOWN_REQUEST, BAD_ARGUMENT, TOO_MANY, INTERNAL)


class QueryError(StreamError):
    """A request cannot be answered; ``code`` is one of ``ERROR_CODES``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@dataclass(frozen=True, slots=True)
class Request:
    """A request that could be read.

    Attributes:
        name: what is asked for.
        id: the client's own mark; None where it gave none.
        arguments: the other keys, as JSON's own types; read by the getters.
    """

    name: str
    id: str | None = None
    arguments: Mapping[str, object] = field(default_factory=dict)

    def require_only(self, *known: str) -> None:
        """Refuse arguments of other names.

        Raises:
            QueryError: there is one.
        """
        for name in self.arguments:
            if name not in known:
                expected = ", ".join(known) or "none"
                raise QueryError(BAD_ARGUMENT, f"found {_shown(name)}, expected {expected}")

    def text(self, name: str, default: str = "", *, longest: int = 100) -> str:
        """A text argument.

        Raises:
            QueryError: it is no text, or longer.
        """
        value = self.arguments.get(name, default)
        if not isinstance(value, str) or len(value) > longest:
            expected = f"a text of up to {longest} characters"
            raise QueryError(BAD_ARGUMENT, f"{name}: found {_shown(value)}, expected {expected}")
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole-number argument.

        Raises:
            QueryError: it is no whole number from ``low`` to ``high``.
        """
        value = self.arguments.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            expected = f"a whole number from {low} to {high}"
            raise QueryError(BAD_ARGUMENT, f"{name}: found {_shown(value)}, expected {expected}")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """A yes or a no.

        Raises:
            QueryError: it is neither.
        """
        value = self.arguments.get(name, default)
        if not isinstance(value, bool):
            raise QueryError(BAD_ARGUMENT, f"{name}: found {_shown(value)}, expected true or false")
        return value

    def texts(self, name: str, default: list[str], *, most: int, longest: int) -> list[str]:
        """A list of texts.

        Raises:
            QueryError: it is none, is empty, or holds more or longer ones.
        """
        value = self.arguments.get(name, default)
        if not isinstance(value, list) or not 0 < len(value) <= most:
            expected = f"1 to {most} texts"
            raise QueryError(BAD_ARGUMENT, f"{name}: found {_shown(value)}, expected {expected}")
        for item in value:
            if not isinstance(item, str) or len(item) > longest:
                expected = f"texts of up to {longest} characters"
                raise QueryError(BAD_ARGUMENT, f"{name}: found {_shown(item)}, expected {expected}")
        return value


def decode_request(body: bytes) -> Request:
    """Read a request.

    Raises:
        QueryError: it is too large, no JSON object, or names nothing.
    """
    if len(body) > MAX_REQUEST_BYTES:
        raise QueryError(
            TOO_LARGE, f"found {len(body)} bytes, expected {MAX_REQUEST_BYTES} at most"
        )
    try:
        tree = msgspec.json.decode(body)
    # 2,000 brackets are a RecursionError; broken UTF-8 is a UnicodeDecodeError, a ValueError.
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise QueryError(MALFORMED, f"not JSON: {str(error)[:100]}") from error
    if not isinstance(tree, dict):
        raise QueryError(MALFORMED, "expected a JSON object")
    name, mark = tree.pop("request", None), tree.pop("id", None)
    if not isinstance(name, str):
        raise QueryError(MALFORMED, 'expected a text under "request"')
    if mark is not None and (not isinstance(mark, str) or len(mark) > MAX_ID_CHARACTERS):
        expected = f"expected a text of up to {MAX_ID_CHARACTERS} characters"
        raise QueryError(MALFORMED, f'"id": {expected}')
    return Request(name, mark, tree)


def encode_answer(request: Request, content: Mapping[str, object]) -> bytes:
    """The answer to a request."""
    head = {"schema": SCHEMA_QUERY, "request": request.name, "id": request.id}
    return msgspec.json.encode(head | dict(content))


def encode_error(error: QueryError, request: Request | None = None) -> bytes:
    """The answer to a request that could not be met, or not even read."""
    name = None if request is None else request.name[:_MAX_SHOWN]
    mark = None if request is None else request.id
    head = {"schema": SCHEMA_QUERY, "request": name, "id": mark}
    return msgspec.json.encode(head | {"error": {"code": error.code, "message": error.message}})


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."

"""Requests to the query endpoint, damaged: near to sound ones or far from them."""

from __future__ import annotations

import json
import random
from typing import Any

# Longer ones go by a connection of their own: libzmq hangs up at 64 kB, and the guard at so much
# a second.
LONGEST = 5000
_LONE = (b"[", b'{"request":', b'{"a":[', b"1", b'"', b"\\", b"\xff")
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1 << 31, 1 << 63, -(1 << 63), 10**40, 1.5, -0.0, 1e300,
    "", "x" * 65, "x" * 200, "\x00", "\ud7ff", "oldest", "../../etc/passwd", "event.",
    [], [""], [[]], ["x" * 129], ["a"] * 65, [1, "a"], {}, {"a": {}},
)  # fmt: skip
_RAW = (b"1e999", b"-0", b"NaN", b"Infinity", b"9" * 400, b'"\\ud800"', b"[" * 900, b"nul", b"")


def sound(chooser: random.Random, session: str) -> dict[str, Any]:
    """A request as it should be, with what a subscriber would ask for."""
    mark = f"{chooser.getrandbits(32):x}"
    topics = chooser.choice([[""], ["heartbeat"], ["event.", "station."], ["magnitude.v2.XX."]])
    where = chooser.choice([session, "oldest", "none"])
    return chooser.choice(
        [
            {"request": "snapshot", "id": mark, "topics": topics},
            {"request": "snapshot", "id": mark, "positions": True, "after": "heartbeat"},
            {"request": "since", "id": mark, "session": where, "seq": chooser.randrange(900)},
            {"request": "since", "id": mark, "topics": topics, "limit": chooser.randrange(1, 501)},
            {"request": "stations", "id": mark, "after": ""},
            {"request": "schema", "id": mark, "kind": chooser.choice(["magnitude", "network"])},
            {"request": "stats", "id": mark},
        ]
    )


def mutate(chooser: random.Random, session: str) -> list[bytes]:
    """The frames of one message."""
    request = sound(chooser, session)
    text = json.dumps(request).encode()
    match chooser.randrange(10):
        case 0:
            return [chooser.randbytes(chooser.randrange(300))]
        case 1:
            return [_flipped(chooser, text)]
        case 2:
            return [text[: chooser.randrange(len(text))]]
        case 3:
            return [(chooser.choice(_LONE) * LONGEST)[: chooser.randrange(1, LONGEST)]]
        case 4:
            return [
                chooser.randbytes(chooser.randrange(40)) for _ in range(chooser.randrange(2, 9))
            ]
        case 5:
            return [text[:-1] + b" " * chooser.randrange(LONGEST - len(text)) + b"}"]
        case 6:
            key = chooser.choice(list(request)).encode()
            return [text[:-1] + b', "' + key + b'": ' + chooser.choice(_RAW) + b"}"]
        case 7:
            return [json.dumps(_changed(chooser, request)).encode()]
        case 8:
            return [b"", text] if chooser.random() < 0.5 else [b"", b"", text]
        case _:
            return [text]


def too_long(chooser: random.Random) -> list[bytes]:
    """The frames of a message that libzmq or the endpoint refuses for its length."""
    size = chooser.choice([LONGEST, 60_000, 70_000, 1_000_000])
    frames = [chooser.choice(_LONE) * size]
    return frames * chooser.choice([1, 1, 3])


def garbage(chooser: random.Random) -> bytes:
    """What a peer sends that speaks no ZMTP, or begins to."""
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)
    ready = b"\x04\x26\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER\x08Identity\x00\x00\x00\x00"
    said = greeting + chooser.choice([b"", ready]) + chooser.randbytes(chooser.randrange(1, 2000))
    start = chooser.choice([0, 0, 0, 12, len(greeting)])
    return _flipped(chooser, said[start:]) if chooser.random() < 0.5 else said[start:]


def _flipped(chooser: random.Random, text: bytes) -> bytes:
    damaged = bytearray(text)
    for _ in range(chooser.randint(1, 4)):
        damaged[chooser.randrange(len(damaged))] = chooser.randrange(256)
    return bytes(damaged)


def _changed(chooser: random.Random, request: dict[str, Any]) -> dict[str, Any]:
    """With other values, keys that nobody knows, or without some."""
    changed = dict(request)
    for _ in range(chooser.randint(1, 3)):
        key = chooser.choice([*request, "seq", "limit", "topics", "session", "after", "kind", "zz"])
        if chooser.random() < 0.2:
            changed.pop(key, None)
        else:
            changed[key] = chooser.choice(_VALUES)
    return changed

"""JSON Schema (Draft 2020-12) of each message of the feed."""

from __future__ import annotations

from importlib.resources import files

from msgspec import json

KINDS = ("magnitude", "station", "heartbeat", "event", "network")


def schema(kind: str) -> dict[str, object]:
    """The schema of one kind of messages, version 1.

    Raises:
        ValueError: another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
    text = (files(__name__) / f"{kind}.1.json").read_bytes()
    return json.decode(text, type=dict[str, object])

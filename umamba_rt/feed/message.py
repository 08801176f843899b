"""A message of the feed as a subscriber gets it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from umamba_rt.feed.bodies import EventBody, HeartbeatBody, MagnitudeBody, NetworkBody, StationBody


@dataclass(frozen=True, slots=True)
class FeedMessage:
    """One message.

    Attributes:
        topic: such as ``magnitude.v2.CI.CCC.--.HH``.
        body: as JSON's own types (see ``wire/schemas``); ``magnitude`` and its like give it typed.
    """

    topic: str
    body: dict[str, Any]
    _came: bytes = field(default=b"", repr=False, compare=False)

    @property
    def raw(self) -> bytes:
        """The body's bytes as they came; encoded anew where it came from the history."""
        if self._came:
            return self._came
        return json.dumps(self.body, separators=(",", ":")).encode()

    @property
    def kind(self) -> str:
        """``magnitude``, ``event``, ``network``, ``station``, ``heartbeat``, or one to come."""
        words = str(self.body.get("schema")).split("/")  # umamba-rt/magnitude/1
        return words[1] if len(words) == 3 else ""

    @property
    def sensor(self) -> str:
        """``NET.STA.LOC.BS`` of the sensor that it is about; empty where it is about none."""
        where = self.body.get("station", {})
        codes = ("network", "station", "location", "band_source")
        return ".".join(str(where[code]) for code in codes if code in where)

    @property
    def session(self) -> str:
        """The daemon's run that sent it."""
        return str(self.body["session"])

    @property
    def seq(self) -> int:
        """Its number in the session."""
        return int(self.body["seq"])

    @property
    def topic_seq(self) -> int:
        """Its number among those of its topic; 0 where the daemon is too old to say."""
        return int(self.body.get("topic_seq", 0))

    @property
    def magnitude(self) -> MagnitudeBody | None:
        """The body of an estimate; None where it is something else."""
        return cast(MagnitudeBody, self.body) if self.kind == "magnitude" else None

    @property
    def station(self) -> StationBody | None:
        """The body of a station's new state; None where it is something else."""
        return cast(StationBody, self.body) if self.kind == "station" else None

    @property
    def event(self) -> EventBody | None:
        """The body of a station's event; None where it is something else."""
        return cast(EventBody, self.body) if self.kind == "event" else None

    @property
    def network(self) -> NetworkBody | None:
        """The body of a network's event; None where it is something else."""
        return cast(NetworkBody, self.body) if self.kind == "network" else None

    @property
    def heartbeat(self) -> HeartbeatBody | None:
        """The body of a sign of life; None where it is something else."""
        return cast(HeartbeatBody, self.body) if self.kind == "heartbeat" else None


def decode_frames(frames: Sequence[bytes]) -> FeedMessage:
    """A message as it came from the socket.

    Raises:
        ValueError: it is none of this feed.
    """
    if len(frames) != 2:
        raise ValueError(f"a message of {len(frames)} frames, expected topic and body")
    topic, raw = frames
    if not raw.startswith(b"{"):
        raise ValueError("this feed is not JSON (publisher.format): decode it as MessagePack")
    return checked(topic.decode("ascii", "replace"), json.loads(raw), raw)


def decode_answered(row: dict[str, Any]) -> FeedMessage:
    """A message as an answer of the query endpoint holds it.

    Raises:
        ValueError: it is none of this feed.
    """
    topic, body = row.get("topic"), row.get("body")
    if not (isinstance(topic, str) and isinstance(body, dict)):
        raise ValueError(f"no message of the feed: {str(row)[:80]}")  # noqa: TRY004 - bad input
    return checked(topic, body)


def checked(topic: str, body: dict[str, Any], raw: bytes = b"") -> FeedMessage:
    """A message whose numbers are there.

    Raises:
        ValueError: they are not.
    """
    whole = isinstance(body.get("seq"), int) and isinstance(body.get("topic_seq", 0), int)
    if not whole or not isinstance(body.get("session"), str):
        raise ValueError(f"{topic}: no message of the feed, session or seq are missing")
    return FeedMessage(topic, body, raw)

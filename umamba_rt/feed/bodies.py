"""The fields of the feed's messages, for a type checker; the JSON Schemas say what they mean."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class CommonBody(TypedDict):
    """What every message has."""

    schema: str
    session: str
    seq: int
    topic_seq: int
    sent_at: str


class StationCodes(TypedDict):
    """The sensor that a message is about."""

    network: str
    station: str
    location: str
    band_source: str


class LatencyBody(TypedDict):
    """How old an estimate is."""

    data_s: float
    processing_ms: float


class ModelBody(TypedDict):
    """Whose estimate it is."""

    name: str
    version: str
    sha256: str
    trained: bool


class EvolutionBody(TypedDict):
    """V1's estimate inside the window."""

    t0: str
    dt_s: float
    values: list[float]
    settled_s: NotRequired[float]


class MagnitudeBody(CommonBody):
    """An estimate of one window."""

    station: StationCodes
    window_start: str
    window_end: str
    magnitude: float
    uncertainty: float | None
    revision: int
    quality: dict[str, Any]
    latency: LatencyBody
    model: ModelBody
    evolution: NotRequired[EvolutionBody]
    repeat: NotRequired[bool]


class StationBody(CommonBody):
    """A station's new state."""

    station: StationCodes
    state: str
    since: str
    detail: str


class EventBody(CommonBody):
    """An event at one station; further fields are in its schema."""

    station: StationCodes
    event_id: str
    state: str


class NetworkBody(CommonBody):
    """An event of the network; further fields are in its schema."""

    event_id: str
    state: str
    magnitude: float


class HeartbeatBody(CommonBody):
    """The daemon's sign of life."""

    uptime_s: float
    stations: dict[str, int]
    queue_depth: int
    worst_data_latency_s: float | None
    counts: dict[str, int]

"""The fields of the feed's messages, for a type checker; the JSON Schemas say what they mean."""

from __future__ import annotations

from typing import NotRequired, TypedDict


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
    engine: NotRequired[str]


class QualityBody(TypedDict):
    """What is to be said of a window's samples."""

    gap_s: float
    gap_count: int
    filled_s: float
    clipped: bool
    snr_db: float | None
    native_rate_hz: float
    components: str
    complete: bool
    unit: NotRequired[str]
    orientation: NotRequired[str]
    fill: NotRequired[str]
    flat_s: NotRequired[float]
    spikes: NotRequired[int]
    dc_step: NotRequired[bool]
    timing_quality: NotRequired[int | None]
    record_flags: NotRequired[list[str]]
    triggered: NotRequired[bool]


class TriggerBody(TypedDict):
    """When a sensor's trigger went on, and off."""

    on: str
    off: str | None


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
    quality: QualityBody
    latency: LatencyBody
    model: ModelBody
    evolution: NotRequired[EvolutionBody]
    repeat: NotRequired[bool]
    triggers: NotRequired[list[TriggerBody]]


class StationBody(CommonBody):
    """A station's new state."""

    station: StationCodes
    state: str
    since: str
    detail: str


class TimedBody(TypedDict):
    """An estimate of an event, and how long after the onset its window ended."""

    since_onset_s: float
    magnitude: float


class EventBody(CommonBody):
    """An event at one station."""

    station: StationCodes
    event_id: str
    state: str
    revision: int
    onset: str
    window_end: str
    magnitude: float
    uncertainty: float | None
    peak_magnitude: float
    since_onset_s: float
    estimates: list[TimedBody]
    duration_s: float | None
    n_windows: int
    snr_db: float | None
    clipped: bool
    model: ModelBody


class ContributionBody(TypedDict):
    """A station's share in an event of the network."""

    station: StationCodes
    event_id: str
    onset: str
    since_onset_s: float
    magnitude: float
    uncertainty: float | None
    weight: float
    distance_km: float | None


class NetworkBody(CommonBody):
    """An event of the network."""

    event_id: str
    state: str
    revision: int
    first_onset: str
    origin_time: str | None
    latitude_deg: float | None
    longitude_deg: float | None
    window_end: str
    magnitude: float
    uncertainty: float
    spread: float
    n_stations: int
    stations: list[ContributionBody]
    model: ModelBody


class HeartbeatBody(CommonBody):
    """The daemon's sign of life."""

    uptime_s: float
    stations: dict[str, int]
    queue_depth: int
    worst_data_latency_s: float | None
    counts: dict[str, int]

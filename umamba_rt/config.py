"""Everything that the daemon can be told: the one definition of keys, defaults, units and limits.

``config_file`` reads these values from TOML and renders the commented default file from them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from umamba_rt.config_access import CURVE, OPEN, AccessConfig
from umamba_rt.config_events import EventsConfig
from umamba_rt.config_metrics import MetricsConfig
from umamba_rt.config_table import key
from umamba_rt.core.pipeline import PipelineSettings
from umamba_rt.core.preference import Preference
from umamba_rt.core.withhold import Defect, WithholdRules
from umamba_rt.defaults import FEED_ADDRESS, QUERY_ADDRESS

DEFAULT_SEEDLINK_PORT = 18000
UNTRAINED = "untrained"
_STREAM = re.compile(r"[A-Z0-9*?-]{1,8}_[A-Z0-9*?-]{1,8}(:[!-9;-~]+( [!-9;-~]+)*)?")
_ADDRESS = re.compile(r"tcp://[^\s@]+:(\d{1,5}|\*)|(ipc|inproc)://[^\0]+")
_PATH = re.compile(r"[^\0]*")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)?")


@dataclass(frozen=True, slots=True)
class SeedLinkConfig:
    """A SeedLink server to read from; the block may be repeated."""

    server: str = key(
        "host:port of the server",
        pattern=re.compile(r"(\[[0-9A-Fa-f:.]+\]|[!-9;-?A-Z^-~]+)(:\d{1,5})?"),
        shape="host, host:port or [IPv6]:port",
        example='"127.0.0.1:18000"',
    )
    streams: tuple[str, ...] = key(
        "NET_STA, or NET_STA:SELECTORS; * and ? are wildcards (in SeedLink 3 only where the\n"
        "server allows them). After an interruption a wildcard resumes behind the latest packet\n"
        "of all its stations: name the stations where the server numbers each by itself",
        pattern=_STREAM,
        shape='"NET_STA" or "NET_STA:SELECTORS", as in "CI_CCC:HH?"',
        example='["*_*:HH? HN?"]',
    )
    protocol: Literal["auto", "v3", "v4"] = key("auto takes the newest the server speaks", "auto")
    tls: bool = key("encrypt, and check the server's certificate", False)
    tls_ca_file: str = key(
        "PEM file of the certificate authorities to trust; empty: the system's",
        "",
        pattern=_PATH,
        shape="a path",
    )
    user: str = key(
        "log in by name and password (SeedLink 4); empty: no",
        "",
        pattern=re.compile(r"[!-~]*"),
        shape="ASCII without blanks",
    )
    password_file: str = key(
        "file that holds the user's password alone. $VARIABLES are filled in, as in\n"
        '"$CREDENTIALS_DIRECTORY/seedlink" with systemd\'s LoadCredential=. Read at each connect',
        "",
        pattern=_PATH,
        shape="a path",
        private=True,
    )
    password_env: str = key(
        "or the environment variable that holds it",
        "",
        pattern=_VARIABLE,
        shape="a variable",
        private=True,
    )
    token_file: str = key(
        "log in by a token (JWT) instead: the file that holds it",
        "",
        pattern=_PATH,
        shape="a path",
        private=True,
    )
    token_env: str = key(
        "or the environment variable that holds it",
        "",
        pattern=_VARIABLE,
        shape="a variable",
        private=True,
    )
    connect_timeout_s: float = key("for connecting and for each answer", 15.0, low=0.1, high=600)
    idle_timeout_s: float = key(
        "reconnect after this long without data; nothing is lost, the stream resumes",
        120.0,
        low=1,
        high=86400,
    )
    keepalive_s: float = key("ask the server for a sign of life this often", 30.0, low=1, high=3600)
    reconnect_min_s: float = key("first pause before reconnecting", 0.5, low=0.05, high=600)
    reconnect_max_s: float = key(
        "pauses double up to this; each is shortened at random by up to half",
        60.0,
        low=0.1,
        high=3600,
    )

    @property
    def host(self) -> str:
        """Host name or address, without brackets."""
        return _split_server(self.server)[0]

    @property
    def port(self) -> int:
        """TCP port; SeedLink's own where none is given."""
        return _split_server(self.server)[1]


@dataclass(frozen=True, slots=True)
class RunConfig:
    """How the daemon runs."""

    mode: Literal["live", "replay"] = key(
        "live: the wall clock rules, and under overload the newest window of each station wins.\n"
        "replay: the data are the clock, and overload slows the source",
        "live",
    )
    heartbeat_s: float = key("pause between two heartbeats", 5.0, low=0.1, high=3600)
    drain_s: float = key(
        "at SIGTERM, finish queued windows for at most this long", 5.0, low=0, high=300
    )
    log_format: Literal["auto", "json", "text"] = key("auto: text on a terminal, else json", "auto")
    log_level: Literal["debug", "info", "warning", "error"] = key("least level logged", "info")


@dataclass(frozen=True, slots=True)
class StateConfig:
    """What outlives the process, so that a restart loses no window and doubles none."""

    enabled: bool = key("keep it", True)
    directory: str = key(
        "where; empty: systemd's $STATE_DIRECTORY, and without that nothing is kept. A replay\n"
        "that is to start over needs an empty one: it would send no window of its last run again",
        "",
        pattern=_PATH,
        shape="a path",
    )
    interval_s: float = key("pause between two saves", 1.0, low=1, high=60)
    hold_s: float = key(
        "a sensor that falls silent with windows unfinished keeps the position back for this long",
        120.0,
        low=1,
        high=3600,
    )
    max_age_s: float = key(
        "live: a position older than this is set aside, and the stream starts from now",
        3600.0,
        low=1,
        high=31536000,
    )
    rejoin_s: float = key(
        "after a restart, time for subscribers to come back before the first window goes out",
        1.0,
        low=0,
        high=60,
    )


@dataclass(frozen=True, slots=True)
class WindowConfig:
    """How windows are cut; they lie on a UTC grid of whole hops."""

    length_s: float = key("must be the model's", 30.0, low=1, high=600, step=0.01)
    hop_s: float = key("one estimate a station a hop", 1.0, low=0.01, high=600, step=0.01)
    max_wait_s: float = key(
        "how long a missing sample is waited for after a later one of any component has come;\n"
        "the window then goes without it, filled or withheld as max_gap_s says",
        10.0,
        low=0,
        high=600,
    )
    max_gap_s: float = key(
        "missing time of one component that is filled (and flagged);\n"
        "a window that misses more is withheld and counted",
        0.5,
        low=0,
        high=30,
    )
    fill: Literal["linear", "zero", "none"] = key(
        "how: linear interpolation; zero: the component's mean, which is zero to the model;\n"
        "none: a window with any gap is withheld",
        "linear",
    )
    reorder_s: float = key(
        "how much later than its turn a record may come and its channel, if it is resampled, go\n"
        "on as if the record had come in its turn",
        10.0,
        low=0,
        high=600,
    )
    slack_s: float = key("data kept beyond a window and the wait", 20.0, low=5, high=3600)
    stale_after_s: float = key(
        "silence after which a station is called stale", 60.0, low=1, high=86400
    )
    max_future_s: float = key(
        "live: a record that ends later than now plus this is refused", 30.0, low=0, high=86400
    )
    max_stations: int = key(
        "most sensors; further ones are refused and counted", 2000, low=1, high=100000
    )


@dataclass(frozen=True, slots=True)
class StationsConfig:
    """What is known of the stations, and which of their sensors are used."""

    inventory: str = key(
        "StationXML file, or a folder of them, read at start. Empty: nothing is known; samples\n"
        "stay counts and components are used as they come",
        "",
        pattern=_PATH,
        shape="a path",
    )
    vertical_only: Literal["skip", "repeat-z"] = key(
        "stations without horizontals: skip withholds their windows; repeat-z lets the vertical\n"
        "stand for all three components (flagged: their components are Z)",
        "skip",
    )
    serve: Literal["all", "preferred", "per-instrument"] = key(
        "all: every sensor of a station. preferred: the best one that works, see prefer.\n"
        "per-instrument: the best one of each source code, as in HH instead of BH, beside HN.\n"
        "The others stand by: window.stale_after_s after its last window the best one is replaced",
        "all",
    )
    prefer: tuple[str, ...] = key(
        "best first: band and source code, or LOCATION.CODE (-- where empty); * and ? are\n"
        "wildcards. What is not named ranks last, equals by location",
        ("HH", "BH", "EH", "HN"),
        pattern=re.compile(r"(([A-Z0-9*?]{1,8}|--)\.)?[A-Z0-9*?]{1,8}"),
        shape='"CODE" or "LOCATION.CODE", as in "HH" or "00.B?"',
    )
    serve_all: tuple[str, ...] = key(
        "NET_STA of stations of which every sensor is served all the same; * and ? are wildcards",
        (),
        pattern=re.compile(r"[A-Z0-9*?-]{1,8}_[A-Z0-9*?-]{1,8}"),
        shape='"NET_STA", as in "CI_W*"',
    )


@dataclass(frozen=True, slots=True)
class QualityConfig:
    """Which windows are withheld for their quality; all others go out with their flags."""

    withhold: tuple[str, ...] = key(
        "clipped, flat (a component repeats one value for 1 s), spikes, dc_step",
        (),
        pattern=re.compile("|".join(get_args(Defect))),
        shape=", ".join(f'"{defect}"' for defect in get_args(Defect)),
    )
    min_timing_quality: int = key(
        "per cent; a window is withheld where its records state less (most state nothing)",
        0,
        low=0,
        high=100,
    )


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The model behind ``magnitude.v2``."""

    checkpoint: str = key(
        "safetensors or .pt file. Empty: the weights that come with the package. untrained:\n"
        "random weights, whose numbers are no magnitudes, and every message says so",
        "",
        pattern=_PATH,
        shape="a path",
    )
    seed: int = key("of the random weights", 0, low=0, high=2**31 - 1)
    engine: Literal["auto", "torch", "fast-cpu", "cuda"] = key(
        "what runs V2 and V1. auto: cuda where there is a device, else fast-cpu where OpenVINO is\n"
        "installed (extra fast), else torch. All give the same numbers, within 1e-4",
        "auto",
    )
    half_precision: bool = key(
        "fast-cpu and cuda: faster on newer hardware, and estimates move by hundredths", False
    )
    threads: int = key(
        "windows that the model works on at once, each on a core; 0 takes all cores",
        0,
        low=0,
        high=1024,
    )
    batch_size: int = key("most windows in one call of the model", 64, low=1, high=4096)
    queue_size: int = key(
        "most windows waiting; see run.mode for what happens then", 1024, low=1, high=1000000
    )
    max_queue_s: float = key(
        "live: a window that waited longer is dropped if a newer one of its station waits",
        2.0,
        low=0.1,
        high=3600,
    )


@dataclass(frozen=True, slots=True)
class ModelV1Config:
    """The model behind ``magnitude.v1``, with its curve inside the window."""

    enabled: bool = key("run V1 beside V2", False)
    checkpoint: str = key("as in [model]", "", pattern=_PATH, shape="a path")
    seed: int = key("of the random weights", 0, low=0, high=2**31 - 1)


@dataclass(frozen=True, slots=True)
class PublisherConfig:
    """An address of the ZeroMQ feed; the block may be repeated."""

    address: str = key(
        "where to bind",
        FEED_ADDRESS,
        pattern=_ADDRESS,
        shape="tcp://HOST:PORT, ipc://PATH or inproc://NAME",
    )
    format: Literal["json", "msgpack"] = key("of the messages' bodies", "json")
    topics: tuple[str, ...] = key(
        'beginnings of the topics that it carries, as in "event." and "heartbeat"; none: all',
        (),
        pattern=re.compile(r"[!-~]{1,200}"),
        shape='beginnings of topics, as in "magnitude.v2.CI."',
    )
    high_water_mark: int = key(
        "messages kept for a slow subscriber before it loses some", 10000, low=1, high=10**7
    )
    curve: bool = key(CURVE, False)
    insecure_public: bool = key(OPEN, False)


@dataclass(frozen=True, slots=True)
class QueryConfig:
    """The ZeroMQ endpoint that answers ``umamba-rt stations`` and other questions."""

    address: str = key(
        "where to bind. Empty: off",
        QUERY_ADDRESS,
        pattern=re.compile(f"({_ADDRESS.pattern})?"),
        shape="tcp://HOST:PORT, ipc://PATH, inproc://NAME or nothing",
    )
    requests_hz: float = key(
        "what each client may ask for a second; twice that may come at once",
        20.0,
        low=0.1,
        high=100000,
    )
    curve: bool = key(CURVE, False)
    insecure_public: bool = key(OPEN, False)


@dataclass(frozen=True, slots=True)
class HistoryConfig:
    """Messages kept for subscribers that join late or lost some, who ask for them at [query]."""

    memory_messages: int = key("most messages kept in memory", 50000, low=1, high=10**7)
    memory_mb: int = key("and what they may take there", 64, low=1, high=65536)
    disk_mb: int = key(
        "beyond that in the state directory, where one is kept; the oldest are deleted. 0: none.\n"
        "A message takes 1 kB, one of V1 3 kB: this is an hour of 40 stations at 1 Hz",
        256,
        low=0,
        high=1048576,
    )


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that the daemon is told."""

    seedlink: tuple[SeedLinkConfig, ...] = ()
    run: RunConfig = field(default_factory=RunConfig)
    state: StateConfig = field(default_factory=StateConfig)
    window: WindowConfig = field(default_factory=WindowConfig)
    stations: StationsConfig = field(default_factory=StationsConfig)
    quality: QualityConfig = field(default_factory=QualityConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    model_v1: ModelV1Config = field(default_factory=ModelV1Config)
    publisher: tuple[PublisherConfig, ...] = (PublisherConfig(),)
    query: QueryConfig = field(default_factory=QueryConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    events: EventsConfig = field(default_factory=EventsConfig)
    access: AccessConfig = field(default_factory=AccessConfig)
    history: HistoryConfig = field(default_factory=HistoryConfig)

    @property
    def pipeline(self) -> PipelineSettings:
        """The core's part."""
        window, stations = self.window, self.stations
        return PipelineSettings(
            length_s=window.length_s,
            hop_s=window.hop_s,
            max_wait_s=window.max_wait_s,
            max_gap_s=window.max_gap_s,
            reorder_s=window.reorder_s,
            slack_s=window.slack_s,
            stale_after_s=window.stale_after_s,
            max_future_s=window.max_future_s if self.run.mode == "live" else None,
            max_stations=window.max_stations,
            fill=window.fill,
            vertical_only=stations.vertical_only,
            withhold=WithholdRules(
                frozenset(cast(tuple[Defect, ...], self.quality.withhold)),
                self.quality.min_timing_quality,
            ),
            preference=Preference(stations.serve, stations.prefer, stations.serve_all),
            trigger=self.events.trigger(window.length_s),
        )


def _split_server(server: str) -> tuple[str, int]:
    host, colon, port = server.rpartition(":")
    if not colon or port.endswith("]"):
        return server.strip("[]"), DEFAULT_SEEDLINK_PORT
    return host.strip("[]"), int(port)

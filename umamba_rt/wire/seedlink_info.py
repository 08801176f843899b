"""Answers to SeedLink INFO: XML in log records for v3, JSON for v4."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.sax.saxutils import quoteattr

from umamba_rt.core.ids import SourceId
from umamba_rt.wire.record import pack_text
from umamba_rt.wire.seedlink_frames import Protocol, info_frame_v3, info_frame_v4
from umamba_rt.wire.seedlink_select import glob, stream_id

_CAPABILITIES_V3 = (
    *("dialup", "multistation", "window-extraction"),
    *("info:id", "info:capabilities", "info:stations", "info:streams"),
)
_CAPABILITIES_V4 = ("SLPROTO:4.0", "SLPROTO:3.1", "TIME", "SEQWILDCARD")
_V3_ITEMS = ("ID", "CAPABILITIES", "STATIONS", "STREAMS")
_INFO_RECORD = SourceId("XX", "INFO", "", "I", "N", "F")
_ERROR_RECORD = SourceId("XX", "INFO", "", "E", "R", "R")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a server says of itself.

    Attributes:
        software: name and version, no spaces.
        organization: who runs it; the second line of HELLO.
        started_ns: ns since 1970 UTC.
        speaks_v4: whether the server knows SeedLink 4.
    """

    software: str
    organization: str
    started_ns: int
    speaks_v4: bool = True

    @property
    def hello(self) -> str:
        """First line of HELLO; the words behind ``::`` are what clients choose a version by."""
        version, newest = ("4.0", "SLPROTO:4.0 ") if self.speaks_v4 else ("3.1", "")
        capabilities = f"{newest}SLPROTO:3.1 CAP EXTREPLY NSWILDCARD BATCH"
        return f"SeedLink v{version} ({self.software}) :: {capabilities}"


@dataclass(frozen=True, slots=True)
class InfoRequest:
    """A client's INFO command, or v3's CAT as item ``CAT``.

    Attributes:
        item: what is asked for, upper case.
        station: pattern over ``NET_STA``.
        stream: pattern over ``LOC_B_S_SS``.
        protocol: how to answer.
    """

    item: str
    station: str
    stream: str
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class StreamExtent:
    """One stream's first and last sample time, ns since 1970 UTC."""

    source_id: SourceId
    start_ns: int
    end_ns: int


@dataclass(slots=True)
class StationExtent:
    """One station's numbers and streams."""

    station_id: str
    first: int
    last: int
    streams: list[StreamExtent] = field(default_factory=list)


def answer_info(
    request: InfoRequest, identity: Identity, stations: Iterable[StationExtent], now_ns: int
) -> bytes:
    """Build the whole answer to an INFO command.

    Args:
        request: the command.
        identity: what the server says of itself.
        stations: what it has; only those that the request's patterns cover are told.
        now_ns: time of the answer, ns since 1970 UTC; heads v3's log records.
    """
    wanted = glob(request.station)
    chosen = [station for station in stations if wanted.match(station.station_id)]
    if request.item == "CAT":
        lines = [f"{s.station_id.replace('_', ' ', 1)} {s.station_id}\r\n" for s in chosen]
        return ("".join(lines) + "END").encode("ascii")
    if request.protocol is Protocol.V3:
        return _answer_v3(request, identity, chosen, now_ns)
    return _answer_v4(request, identity, chosen)


def _answer_v3(
    request: InfoRequest, identity: Identity, stations: list[StationExtent], now_ns: int
) -> bytes:
    known = request.item in _V3_ITEMS
    body = ""
    if request.item == "CAPABILITIES":
        body = "".join(f'<capability name="{name}"/>' for name in _CAPABILITIES_V3)
    elif request.item in ("STATIONS", "STREAMS"):
        with_streams = request.item == "STREAMS"
        body = "".join(_station_xml(s, with_streams=with_streams) for s in stations)
    text = (
        f'<?xml version="1.0" encoding="utf-8"?><seedlink software={quoteattr(identity.hello)} '
        f"organization={quoteattr(identity.organization)} "
        f'started="{_time(identity.started_ns)}">{body}</seedlink>'
    )
    # Clients take any character for a byte: what is not ASCII goes as a character reference.
    ascii_text = text.encode("ascii", "xmlcharrefreplace").decode("ascii")
    records = pack_text(_INFO_RECORD if known else _ERROR_RECORD, ascii_text, now_ns)
    *more, last = records
    return b"".join(info_frame_v3(r, last=False) for r in more) + info_frame_v3(last, last=True)


def _station_xml(station: StationExtent, *, with_streams: bool) -> str:
    network, _, name = station.station_id.partition("_")
    head = (
        f"<station name={quoteattr(name)} network={quoteattr(network)} "
        f'description="Station ID {station.station_id}" begin_seq="{station.first}" '
        f'end_seq="{station.last}" stream_check="enabled"'
    )
    if not with_streams:
        return head + "/>"
    streams = "".join(
        f'<stream location="{s.source_id.location}" seedname="{s.source_id.channel}" type="D" '
        f'begin_time="{_time(s.start_ns)}" end_time="{_time(s.end_ns)}"/>'
        for s in station.streams
    )
    return f"{head}>{streams}</station>"


def _answer_v4(request: InfoRequest, identity: Identity, stations: list[StationExtent]) -> bytes:
    document: dict[str, object] = {
        "software": identity.hello,
        "organization": identity.organization,
    }
    error = False
    match request.item:
        case "ID":
            document["server_start"] = _time(identity.started_ns)
            document["seedlink_protocol"] = ["SLPROTO:4.0", "SLPROTO:3.1"]
        case "FORMATS":
            mimetype = "application/vnd.fdsn.mseed"
            document["format"] = {"2": {"mimetype": mimetype, "subformat": {"D": "Data"}}}
            document["filter"] = {"native": "native format of data, no conversion"}
        case "CAPABILITIES":
            document["capability"] = list(_CAPABILITIES_V4)
        case "STATIONS" | "STREAMS":
            pattern = request.stream if request.item == "STREAMS" else None
            document["station"] = [_station_json(s, pattern) for s in stations]
        case _:
            error = True
            document["error"] = {"code": "ARGUMENTS", "message": "Unrecognized INFO item"}
    text = json.dumps(document, separators=(",", ":"))
    return info_frame_v4(text.encode("ascii"), error=error)


def _station_json(station: StationExtent, stream_pattern: str | None) -> dict[str, object]:
    entry: dict[str, object] = {
        "id": station.station_id,
        "description": f"Station ID {station.station_id}",
        "start_seq": station.first,
        "end_seq": station.last,
    }
    if stream_pattern is not None:
        wanted = glob(stream_pattern)
        entry["stream"] = [
            {
                "id": stream_id(s.source_id),
                "format": "2",
                "subformat": "D",
                "start_time": _time(s.start_ns),
                "end_time": _time(s.end_ns),
            }
            for s in station.streams
            if wanted.match(stream_id(s.source_id))
        ]
    return entry


def _time(time_ns: int) -> str:
    """RFC 3339 with microseconds and ``Z``."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"

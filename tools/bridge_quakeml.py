#!/usr/bin/env python3
"""Write a QuakeML file for each network event that closes, from a running daemon's feed.

    tools/bridge_quakeml.py --folder events [--address FEED] [--query-address QUERY]
        [--server-key KEY --key-file FILE]

A file is named by its event and replaced as a whole. ``position.json`` beside them lets a restarted
bridge write what closed while it was away. Where there is none, or a broken one, it begins with the
oldest event in the daemon's history.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from obspy import UTCDateTime
from obspy.core.event import (
    Catalog,
    Comment,
    Event,
    Magnitude,
    Origin,
    QuantityError,
    ResourceIdentifier,
)

from umamba_rt.cli import Parser, guarded
from umamba_rt.defaults import FEED_ADDRESS
from umamba_rt.errors import UnavailableError
from umamba_rt.feed import ClientKeys, FeedMessage, Position, Subscriber, client_keys
from umamba_rt.feed.conversation import Start

_POSITION = "position.json"


def quakeml(body: dict[str, Any]) -> Catalog:
    """A network event as a catalogue of one.

    The resource identifiers are made from ``event_id``: the same event is the same file.
    """
    name = f"smi:umamba-rt/{body['event_id']}"
    magnitude = Magnitude(
        resource_id=ResourceIdentifier(f"{name}/magnitude"),
        mag=body["magnitude"],
        mag_errors=QuantityError(uncertainty=body["uncertainty"]),
        magnitude_type="M",
        station_count=body["n_stations"],
        evaluation_mode="automatic",
        evaluation_status="preliminary",
    )
    event = Event(
        resource_id=ResourceIdentifier(name), event_type="earthquake", magnitudes=[magnitude]
    )
    if body["origin_time"] is not None:
        origin = Origin(
            resource_id=ResourceIdentifier(f"{name}/origin"),
            time=UTCDateTime(body["origin_time"]),
            latitude=body["latitude_deg"],
            longitude=body["longitude_deg"],
            evaluation_mode="automatic",
            evaluation_status="preliminary",
        )
        event.origins.append(origin)
        event.preferred_origin_id = origin.resource_id
        magnitude.origin_id = origin.resource_id
    else:
        event.comments.append(Comment(text=f"first onset {body['first_onset']}; no origin"))
    event.preferred_magnitude_id = magnitude.resource_id
    return Catalog([event], resource_id=ResourceIdentifier(f"{name}/catalogue"))


def write(message: FeedMessage, folder: Path) -> Path | None:
    """Write a closed network event's file; None for every other message."""
    body = message.body
    if message.kind != "network" or body["state"] != "closed":
        return None
    path = folder / (re.sub(r"[^A-Za-z0-9._-]", "_", body["event_id"]) + ".xml")
    beside = path.with_suffix(".new")
    quakeml(body).write(str(beside), format="QUAKEML")
    return beside.replace(path)


def start_of(path: Path) -> Start:
    """Where the last run ended; ``history`` where there was none, or its file says nothing.

    Raises:
        UnavailableError: the file cannot be read.
    """
    if not path.exists():
        return "history"
    try:
        return Position.of_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UnavailableError(str(path), str(error)) from error
    except (ValueError, RecursionError) as error:
        told = f"no position ({error}); beginning with the oldest event in the history"
        print(f"bridge_quakeml: {path}: {told}", file=sys.stderr, flush=True)
        return "history"


def keys_of(options: argparse.Namespace) -> ClientKeys | None:
    """The keys that were named, or None.

    Raises:
        UnavailableError: one is missing, or its file is none.
    """
    if not (options.server_key or options.key_file):
        return None
    try:
        return client_keys(options.server_key, options.key_file)
    except (OSError, ValueError) as error:
        named = " ".join(filter(None, (options.server_key, options.key_file)))
        raise UnavailableError(named, str(error)) from error


def bridge(options: argparse.Namespace) -> int:
    """Write files until interrupted, or ``--count`` were written; returns 0."""
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    position = folder / _POSITION
    written = 0
    with Subscriber(
        options.address,
        ["event.network."],
        query_address=options.query_address,
        start=start_of(position),
        keys=keys_of(options),
    ) as feed:
        for message in feed:
            path = write(message, folder)
            beside = position.with_suffix(".new")
            beside.write_text(json.dumps(feed.position.as_json()), encoding="utf-8")
            beside.replace(position)
            if path is not None:
                print(path, flush=True)
                written += 1
                if written == options.count:
                    break
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit status."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="of the files")
    parser.add_argument("--address", default=FEED_ADDRESS, help="of the feed (%(default)s)")
    parser.add_argument("--query-address", help="of the history")
    parser.add_argument(
        "--server-key", default="", metavar="KEY", help="CURVE: the daemon's public key or its file"
    )
    parser.add_argument(
        "--key-file", default="", metavar="FILE", help="CURVE: our own pair, of keys new"
    )
    parser.add_argument("--count", type=int, help="end after so many files")
    options = parser.parse_args(arguments)
    return guarded("bridge_quakeml", lambda: bridge(options))


if __name__ == "__main__":
    sys.exit(main())

"""The verbs around the feed: ``listen``, ``play`` and ``stations``; they parse and call."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from umamba_rt.cli_types import finite, positive, speed
from umamba_rt.defaults import FEED_ADDRESS, QUERY_ADDRESS


def add_listen(verbs: argparse._SubParsersAction[Any]) -> None:
    """Add ``listen``."""
    listen = verbs.add_parser(
        "listen",
        help="print or record the feed of a running daemon",
        description="What is lost on the way is fetched from the daemon's history.",
    )
    listen.add_argument("--address", default=FEED_ADDRESS, help="default %(default)s")
    listen.add_argument(
        "--query-address",
        help=f"of the history; empty: none (default {QUERY_ADDRESS} beside the default --address)",
    )
    listen.add_argument(
        "--topic",
        action="append",
        metavar="PREFIX",
        help="such as magnitude.v2.CI. or station (may be repeated; default all)",
    )
    listen.add_argument(
        "--minimum-magnitude",
        type=finite,
        metavar="M",
        help="leave out what has a lower one, or none",
    )
    listen.add_argument(
        "--events-only", action="store_true", help="events of stations and of the network alone"
    )
    shape = listen.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="JSON lines, topic included")
    shape.add_argument("--evolution", action="store_true", help="draw V1's curve in each window")
    shape.add_argument(
        "--record", type=Path, metavar="FILE", help="append to a file for play, and print nothing"
    )
    listen.add_argument("--count", type=positive(int), metavar="N", help="end after N messages")
    listen.add_argument(
        "--timeout-s",
        type=positive(float),
        metavar="S",
        help="end when no message comes for S seconds",
    )
    _add_keys(listen)
    listen.set_defaults(action=_listen)


def add_play(verbs: argparse._SubParsersAction[Any]) -> None:
    """Add ``play``."""
    play = verbs.add_parser("play", help="send a recording of the feed again, with its timing")
    play.add_argument("file", type=Path, help="of listen --record")
    play.add_argument("--address", default=FEED_ADDRESS, help="where to bind (%(default)s)")
    play.add_argument("--speed", type=speed, default=1.0, help="times faster, or max (%(default)s)")
    play.add_argument("--wait", action="store_true", help="begin when somebody subscribes")
    play.set_defaults(action=_play)


def add_stations(verbs: argparse._SubParsersAction[Any]) -> None:
    """Add ``stations``."""
    stations = verbs.add_parser(
        "stations",
        help="what a running daemon makes of each station",
        description=(
            "One line a sensor: its state, its latest sample and how old that is, gaps and missing "
            "time of what its ring holds (the last minute), native rate, servers (the latest "
            "first), windows sent by model, and windows withheld by reason."
        ),
    )
    stations.add_argument("--address", default=QUERY_ADDRESS, help="query.address (%(default)s)")
    stations.add_argument("--json", action="store_true", help="a JSON object a line")
    stations.add_argument(
        "--timeout-s",
        type=positive(float),
        default=5.0,
        metavar="S",
        help="longest wait for an answer (%(default)s)",
    )
    _add_keys(stations)
    stations.set_defaults(action=_stations)


def _add_keys(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--server-key", default="", metavar="KEY", help="CURVE: the daemon's public key or its file"
    )
    verb.add_argument(
        "--key-file", default="", metavar="FILE", help="CURVE: our own pair, of keys new"
    )


# Each verb imports what it needs: --help and a usage error must not wait for it.


def _listen(options: argparse.Namespace) -> int:
    from umamba_rt.commands.listen import ListenOptions, listen

    return listen(
        ListenOptions(
            address=options.address,
            query_address=options.query_address,
            topics=options.topic or [],
            minimum_magnitude=options.minimum_magnitude,
            events_only=options.events_only,
            evolution=options.evolution,
            as_json=options.json,
            record=options.record,
            count=options.count,
            timeout_s=options.timeout_s,
            server_key=options.server_key,
            key_file=options.key_file,
        )
    )


def _play(options: argparse.Namespace) -> int:
    from umamba_rt.commands.play import play

    return play(options.file, options.address, speed=options.speed, wait=options.wait)


def _stations(options: argparse.Namespace) -> int:
    from umamba_rt.commands.stations import stations

    return stations(
        options.address,
        as_json=options.json,
        timeout_s=options.timeout_s,
        server_key=options.server_key,
        key_file=options.key_file,
    )

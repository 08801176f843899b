"""``umamba-rt stations``: what a running daemon makes of each station, as a table or as JSON."""

from __future__ import annotations

import json
from typing import Any

import zmq

from umamba_rt.curve import client_keys
from umamba_rt.errors import UnavailableError
from umamba_rt.query import QueryClient, QueryFailedError

_HEAD = (
    "SENSOR",
    "STATE",
    "LAST SAMPLE",
    "LATENCY",
    "GAPS",
    "MISSING",
    "RATE",
    "SERVERS",
    "SENT",
    "WITHHELD",
)
_RIGHT = {3, 4, 5, 6}  # columns of numbers


def stations(
    address: str, *, as_json: bool, timeout_s: float, server_key: str = "", key_file: str = ""
) -> int:
    """Print a line for each station; returns 0.

    Raises:
        UnavailableError: no daemon answers there, or what answers is none.
    """
    try:
        keys = client_keys(server_key, key_file) if server_key or key_file else None
        with QueryClient(address, timeout_s=timeout_s, keys=keys) as daemon:
            rows = daemon.stations()
    except (OSError, zmq.ZMQError, TimeoutError, QueryFailedError, ValueError, KeyError) as error:
        raise UnavailableError(address, str(error)) from error
    if as_json:
        for row in rows:
            print(json.dumps(row, separators=(",", ":")))
        return 0
    for line in table(rows):
        print(line)
    return 0


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Rows of ``stations`` as lines of text, in columns."""
    cells = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    return [
        "  ".join(
            text.rjust(width) if column in _RIGHT else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    where, gaps, servers = row["station"], row["gaps"], row["servers"]
    codes = ("network", "station", "location", "band_source")
    rate_hz, age_s = row["native_rate_hz"], row["data_latency_s"]
    withheld = [f"{reason} {n}" for reason, n in sorted(row["windows_withheld"].items())]
    sent = [f"{model} {n}" for model, n in row["windows_sent"].items()]
    return (
        ".".join(where[code] for code in codes),
        row["state"] or "-",
        (row["last_sample"] or "-")[:22],
        "-" if age_s is None else f"{age_s:.1f} s",
        f"{gaps['count']}",
        f"{gaps['missing_s']:g} s",
        "-" if rate_hz is None else f"{rate_hz:g} Hz",
        ", ".join(servers) or "-",
        ", ".join(sent),
        ", ".join(withheld) or "-",
    )

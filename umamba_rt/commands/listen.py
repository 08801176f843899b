"""``umamba-rt listen``: print the feed of a running daemon, readably or as JSON lines."""

from __future__ import annotations

import json
import sys
from typing import Any

import zmq

from umamba_rt.errors import UnavailableError
from umamba_rt.feed import FeedMessage, Subscriber


def listen(
    address: str, topics: list[str], *, as_json: bool, count: int | None, timeout_s: float | None
) -> int:
    """Print messages until interrupted, ``count`` were printed, or ``timeout_s`` brought none.

    Returns:
        0; 69 when ``timeout_s`` went by before the first message.

    Raises:
        UnavailableError: the address is none, or what comes from there is not this feed.
    """
    try:
        return _listen(address, topics, as_json, count, timeout_s)
    except (zmq.ZMQError, ValueError, KeyError) as error:
        raise UnavailableError(address, str(error)) from error


def _listen(
    address: str, topics: list[str], as_json: bool, count: int | None, timeout_s: float | None
) -> int:
    printed = 0
    with Subscriber(address, topics, timeout_s=timeout_s) as feed:
        for message in feed:
            print(as_line(message) if not as_json else _as_json(message), flush=True)
            printed += 1
            if printed == count:
                break
        if printed == 0:
            print(f"{address}: no message within {timeout_s:g} s", file=sys.stderr)
            return 69
        if feed.missed:
            print(f"{feed.missed} messages were sent but not received", file=sys.stderr)
    return 0


def as_line(message: FeedMessage) -> str:
    """A message as one line for a person; an unknown kind as its topic alone."""
    body = message.body
    kind = message.topic.partition(".")[0]
    if kind == "magnitude":
        return _magnitude(message)
    if kind == "station":
        return (
            f"{message.sensor:<18} {body['state']:<10} since {body['since'][:19]}  {body['detail']}"
        )
    if kind == "heartbeat":
        states = ", ".join(f"{n} {state}" for state, n in sorted(body["stations"].items()))
        sent = body["counts"].get("estimates_sent", 0)
        return f"heartbeat  up {body['uptime_s']:.0f} s, {states or 'no station'}, {sent} estimates"
    return message.topic


def _magnitude(message: FeedMessage) -> str:
    body = message.body
    quality, latency, model = body["quality"], body["latency"], body["model"]
    snr = "   -" if quality["snr_db"] is None else f"{quality['snr_db']:4.0f}"
    marks = [] if model["trained"] else ["UNTRAINED"]
    marks += _faults(quality)
    return (
        f"{message.sensor:<18} {model['name']}  {body['window_end'][11:22]}  "
        f"M {body['magnitude']:6.2f}  snr {snr} dB  {quality['components']:<3}  "
        f"data {latency['data_s']:7.2f} s  sent {latency['processing_ms']:6.1f} ms  "
        f"{' '.join(marks)}"
    ).rstrip()


def _faults(quality: dict[str, Any]) -> list[str]:
    """What a person should see at a glance; a feed of an older daemon says less."""
    marks = ["clipped"] if quality["clipped"] else []
    marks += [] if quality["complete"] else [f"filled {quality['filled_s']:g} s"]
    marks += [f"flat {quality['flat_s']:g} s"] if quality.get("flat_s") else []
    marks += [f"{quality['spikes']} spikes"] if quality.get("spikes") else []
    marks += ["step"] if quality.get("dc_step") else []
    return marks + list(quality.get("record_flags", []))


def _as_json(message: FeedMessage) -> str:
    return json.dumps({"topic": message.topic, **message.body}, separators=(",", ":"))

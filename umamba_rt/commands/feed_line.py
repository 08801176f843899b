"""A message of the feed as one line for a person."""

from __future__ import annotations

from typing import Any

from umamba_rt.feed import FeedMessage


def as_line(message: FeedMessage) -> str:
    """The line; of an unknown kind the topic alone."""
    body = message.body
    match message.kind:
        case "magnitude":
            return _magnitude(message)
        case "event":
            return _event(message)
        case "network":
            return _network(body)
        case "station":
            since, detail = body["since"][:19], body["detail"]
            return f"{message.sensor:<18} {body['state']:<10} since {since}  {detail}"
        case "heartbeat":
            return _heartbeat(body)
    return message.topic


def _magnitude(message: FeedMessage) -> str:
    body = message.body
    quality, latency, model = body["quality"], body["latency"], body["model"]
    snr = "   -" if quality["snr_db"] is None else f"{quality['snr_db']:4.0f}"
    marks = [] if model["trained"] else ["UNTRAINED"]
    marks += _faults(quality)
    return (
        f"{message.sensor:<18} {model['name']}  {body['window_end'][11:22]}  "
        f"M {_estimate(body)}  snr {snr} dB  {quality['components']:<3}  "
        f"data {latency['data_s']:7.2f} s  sent {latency['processing_ms']:6.1f} ms  "
        f"{' '.join(marks)}"
    ).rstrip()


def _event(message: FeedMessage) -> str:
    body = message.body
    return (
        f"{message.sensor:<18} event {body['state']:<8} onset {body['onset'][:22]}  "
        f"M {_estimate(body)}  after {body['since_onset_s']:.0f} s"
    )


def _network(body: dict[str, Any]) -> str:
    names = [
        f"{one['station']['network']}_{one['station']['station']}"
        if isinstance(one.get("station"), dict)
        else str(one.get("station", "?"))
        for one in body["stations"]
    ]
    shown = " ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return (
        f"{body['event_id']:<24} {body['state']:<8} M {_estimate(body)}  "
        f"{body['n_stations']} stations: {shown}"
    )


def _estimate(body: dict[str, Any]) -> str:
    sigma = body.get("uncertainty")
    return f"{body['magnitude']:6.2f}" + ("" if sigma is None else f" +- {sigma:.2f}")


def _heartbeat(body: dict[str, Any]) -> str:
    states = ", ".join(f"{n} {state}" for state, n in sorted(body["stations"].items()))
    sent = body["counts"].get("estimates_sent", 0)
    return f"heartbeat  up {body['uptime_s']:.0f} s, {states or 'no station'}, {sent} estimates"


def _faults(quality: dict[str, Any]) -> list[str]:
    """What a person should see at a glance; a feed of an older daemon says less."""
    marks = ["clipped"] if quality["clipped"] else []
    marks += [] if quality["complete"] else [f"filled {quality['filled_s']:g} s"]
    marks += [f"flat {quality['flat_s']:g} s"] if quality.get("flat_s") else []
    marks += [f"{quality['spikes']} spikes"] if quality.get("spikes") else []
    marks += ["step"] if quality.get("dc_step") else []
    return marks + list(quality.get("record_flags", []))

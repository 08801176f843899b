"""Network events beside the catalogue as Markdown and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from umamba_rt.core.timebase import rfc3339
from umamba_rt.training.event_evaluation import WITHIN_S, EventFigures, listed

_ROWS = (
    ("earthquakes", "earthquakes from M {min} on", "d"),
    ("found", "found", "d"),
    ("recall", "recall", ".1%"),
    ("chance_recall", "recall against the catalogue moved by 20 to 60 s", ".1%"),
    ("network_events", "network events", "d"),
    ("false", "false: no earthquake of any magnitude explains them", "d"),
    ("false_share", "share of false ones", ".1%"),
    ("doubled", "second events of one earthquake", "d"),
    ("first_after_origin_s_median", "first estimate after the origin, data time, median, s", ".1f"),
    ("first_after_origin_s_p90", "90 % by, s", ".1f"),
    ("first_magnitude_bias", "first magnitude less the catalogue's, mean", "+.2f"),
    ("first_magnitude_mae", "its mean absolute error", ".2f"),
    ("magnitude_bias", "last magnitude less the catalogue's, mean", "+.2f"),
    ("magnitude_mae", "its mean absolute error", ".2f"),
)


def markdown(parts: Mapping[str, EventFigures]) -> str:
    """A table with a column for each part, then what was missed, false and doubled."""
    summaries = {name: part.summary() for name, part in parts.items()}
    least = next(iter(summaries.values()))["min_magnitude"]
    head = f"| | {' | '.join(parts)} |"
    lines = [head, "|" + "---|" * (len(parts) + 1)]
    for name, label, form in _ROWS:
        cells = " | ".join(_cell(summary[name], form) for summary in summaries.values())
        lines.append(f"| {label.format(min=f'{least:g}')} | {cells} |")
    lines += ["", f"An event is an earthquake's when the median of its onsets lies within "
              f"{WITHIN_S:g} s of origin and travel time; one event an earthquake."]  # fmt: skip
    for name, part in parts.items():
        missed = [f"{rfc3339(e.origin_ns)[11:19]} M {e.magnitude:.1f}" for e in part.missed]
        lines += ["", f"{name}:", "", f"- missed: {_list(missed)}"]
        lines += [f"- false: {_list(listed(part.false))}"]
        lines += [f"- doubled: {_list(listed(part.doubled))}"]
    return "\n".join(lines) + "\n"


def to_json(parts: Mapping[str, EventFigures]) -> str:
    """The numbers and the names."""
    body = {
        name: part.summary()
        | {
            "missed": [rfc3339(event.origin_ns) for event in part.missed],
            "false_events": [event.event_id for event in part.false],
            "doubled_events": [event.event_id for event in part.doubled],
        }
        for name, part in parts.items()
    }
    return json.dumps(body, indent=2) + "\n"


def _cell(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)


def _list(names: list[str]) -> str:
    return ", ".join(names) if names else "none"

"""A replay's estimates beside the catalogue as Markdown and a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from umamba_rt.core.timebase import rfc3339
from umamba_rt.training.replay_estimates import SECONDS_AFTER_P, EventCurve, Quiet


def markdown(curves: Sequence[EventCurve], quiet: Quiet | None) -> str:
    """A table of the earthquakes, and a line on the quiet windows."""
    seconds = " | ".join(f"{value} s" for value in SECONDS_AFTER_P)
    head = f"| origin | catalogue | {seconds} | stations |"
    lines = [head, "|" + "---|" * (head.count("|") - 1), *map(_row, curves)]
    if quiet is not None:
        lines += [
            "",
            f"Windows without an earthquake of the catalogue: {quiet.n}; their median reads "
            f"{quiet.median:.2f}. Above magnitude 2 read {quiet.false_share:.2%} of them; "
            f"{quiet.n_gated} pass the quality gate, and {quiet.false_share_gated:.2%} of all pass "
            "it and read above 2.",
        ]
    return "\n".join(lines) + "\n"


def _row(curve: EventCurve) -> str:
    event = curve.event
    values = " | ".join("-" if math.isnan(m) else f"{m:.2f}" for m in curve.medians)
    name = f"{event.magnitude:.2f} {event.magnitude_type}".rstrip()
    return f"| {rfc3339(event.origin_ns)[:19]} | {name} | {values} | {max(curve.stations)} |"


def plot(curves: Sequence[EventCurve], path: Path) -> None:
    """Draw each earthquake's estimate over the seconds after P, against its magnitude."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    lowest = min((curve.event.magnitude for curve in curves), default=0.0)
    highest = max((curve.event.magnitude for curve in curves), default=1.0)
    for curve in curves:
        share = (curve.event.magnitude - lowest) / max(highest - lowest, 0.1)
        colour = (share, 0.2, 1.0 - share)
        axes.plot(SECONDS_AFTER_P, curve.medians, color=colour, marker=".", lw=1)
        axes.plot(
            [SECONDS_AFTER_P[-1] + 1], [curve.event.magnitude], color=colour, marker="_", ms=14
        )
    axes.set(
        xlabel="seconds after P at each station",
        ylabel="magnitude (right: catalogue)",
        title="Median over the stations that do not clip",
    )
    figure.savefig(path, dpi=110, metadata={"Software": None})

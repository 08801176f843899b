"""An evaluation as pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from umamba_rt.training.evaluate import EvaluatedWindow, Evaluation
from umamba_rt.training.summary import NOISE_MAGNITUDE, Point, Summary

_LABELS = {
    "model": "model",
    "constant": "constant",
    "ridge": "ridge regression",
    "wood_anderson": "Wood-Anderson ML (catalogue distance)",
}
_COLOURS = {"m/s": "C0", "m/s^2": "C1", "counts": "C2"}


def write_plots(folder: Path, evaluation: Evaluation, summary: Summary) -> list[str]:
    """Write the pictures; returns the names of the files."""
    here = [w for w in evaluation.windows if w.seconds_after_p == summary.seconds_after_p]
    figures = {
        "estimates.png": _estimates(here, summary),
        "seconds.png": _seconds(summary.curve),
        "errors.png": _errors(here),
        "noise.png": _noise(evaluation),
    }
    written = []
    for name, figure in figures.items():
        if figure is not None:
            figure.savefig(folder / name, dpi=110, metadata={"Software": None})
            written.append(name)
    return written


def _figure(rows: int = 1, columns: int = 1) -> tuple[Figure, list[Axes]]:
    # No pyplot: it keeps every figure, and asks for a display.
    figure = Figure(figsize=(5.2 * columns, 4.4 * rows), layout="constrained")
    return figure, list(np.atleast_1d(figure.subplots(rows, columns)).flat)


def _estimates(windows: Sequence[EvaluatedWindow], summary: Summary) -> Figure | None:
    """Estimate over catalogue magnitude, of windows and of earthquakes' station medians."""
    if not windows:
        return None
    figure, (left, right) = _figure(columns=2)
    for unit, colour in _COLOURS.items():
        some = [window for window in windows if window.unit == unit]
        if some:
            estimates = [window.predicted for window in some]
            left.scatter(
                [w.magnitude for w in some], estimates, s=12, alpha=0.6, color=colour, label=unit
            )
    left.set_title(f"windows, {summary.seconds_after_p:g} s after P: MAE {summary.mae:.3f}")
    left.legend()
    events = [e for e in summary.events if e.seconds_after_p == summary.seconds_after_p]
    right.errorbar(
        [e.magnitude for e in events],
        [e.estimate for e in events],
        [e.spread for e in events],
        fmt="o",
        markersize=4,
        elinewidth=0.8,
    )
    right.set_title(f"{len(events)} earthquakes, station medians")
    low = min(min(w.magnitude, w.predicted) for w in windows) - 0.3
    high = max(max(w.magnitude, w.predicted) for w in windows) + 0.3
    for axes in (left, right):
        axes.plot((low, high), (low, high), color="0.5", linewidth=0.8)
        axes.set(xlim=(low, high), ylim=(low, high), xlabel="catalogue", ylabel="estimate")
    return figure


def _seconds(curve: Sequence[Point]) -> Figure | None:
    """Mean absolute error over time after P, of the model and the baselines."""
    if not curve:
        return None
    figure, (left, right) = _figure(columns=2)
    seconds = [point.seconds_after_p for point in curve]
    for name, label in _LABELS.items():
        errors = [getattr(point, name) for point in curve]
        if name == "constant" or all(math.isnan(e.mae) for e in errors):
            continue
        left.plot(seconds, [e.mae for e in errors], marker=".", label=label)
        right.plot(seconds, [e.event_mae for e in errors], marker=".", label=label)
        if name == "model":
            low, high = (
                [getattr(e, f"event_mae_{end}") for e in errors] for end in ("low", "high")
            )
            right.fill_between(seconds, low, high, alpha=0.2)
    for axes, title in ((left, "windows"), (right, "each earthquake weighing one")):
        axes.set(title=title, xlabel="s after P", ylabel="mean absolute error", ylim=(0, None))
        axes.legend()
    return figure


def _errors(windows: Sequence[EvaluatedWindow]) -> Figure | None:
    """Errors of the model over magnitude, distance and signal to noise."""
    if not windows:
        return None
    figure, axes = _figure(columns=3)
    names = (
        ("magnitude", "catalogue magnitude"),
        ("distance_km", "distance, km"),
        ("snr_db", "signal to noise, dB"),
    )
    for ax, (name, label) in zip(axes, names, strict=True):
        x = np.array([getattr(window, name) for window in windows])
        error = np.array([window.predicted - window.magnitude for window in windows])
        ax.scatter(x, error, s=10, alpha=0.5)
        ax.axhline(0, color="0.5", linewidth=0.8)
        ax.set(xlabel=label, ylabel="estimate less catalogue")
    axes[1].set_xscale("symlog", linthresh=10)
    return figure


def _noise(evaluation: Evaluation) -> Figure | None:
    """What the model reads in noise, over the windows' own signal to noise ratio."""
    if not evaluation.noise:
        return None
    figure, (axes,) = _figure()
    snr = [window.window_snr_db for window in evaluation.noise]
    axes.scatter(snr, [window.predicted for window in evaluation.noise], s=8, alpha=0.5)
    axes.axhline(NOISE_MAGNITUDE, color="0.5", linewidth=0.8)
    axes.set(title="noise", xlabel="signal to noise of the window, dB", ylabel="estimate")
    return figure

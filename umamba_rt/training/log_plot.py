"""A run's log, read and drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from umamba_rt.training.selection import SECONDS_AFTER_P


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's ``log.jsonl``, in order; see `EpochLog` for their fields."""
    text = (folder / "log.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def plot_log(folder: Path) -> Path:
    """Draw loss and dev errors over the epochs; returns the picture's path."""
    lines = read_log(folder)
    epochs = [line["epoch"] for line in lines]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(epochs, [line["train_loss"] for line in lines], "k:", label="training loss")
    for k, seconds in enumerate(SECONDS_AFTER_P):
        values = [line["dev"]["by_seconds"][k] for line in lines]
        axes.plot(epochs, values, label=f"dev error {seconds:g} s after P")
    best = [line for line in lines if line["is_best"]]
    if best:
        axes.axvline(best[-1]["epoch"], color="0.7", lw=1)
    axes.set(xlabel="epoch", ylabel="magnitude units", yscale="log")
    axes.legend(fontsize="small")
    path = folder / "log.png"
    figure.savefig(path, dpi=110, metadata={"Software": None})
    return path

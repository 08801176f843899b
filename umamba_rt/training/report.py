"""An evaluation as files for programs: JSON with all numbers, CSV with every window."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

import msgspec

from umamba_rt.core.estimate import ModelIdentity
from umamba_rt.training.evaluate import EvaluatedWindow, NoiseWindow
from umamba_rt.training.summary import Summary


@dataclass(frozen=True, slots=True)
class Source:
    """What was evaluated on what.

    Attributes:
        model: None where the estimates are not of one of our checkpoints.
        dataset: the folder.
        split: that was asked for.
        split_rule: see ``SeisBenchDataset``.
        unusable: rows of the data set without P onset or magnitude.
        baseline_windows: that the baselines were fitted on, at the headline's time; 0: none.
        baselines_saw: whether the evaluated earthquakes are among those that the regression was
            fitted on, or those that its penalty was chosen on.
        noise: where windows of noise come from.
    """

    model: ModelIdentity | None
    dataset: str
    split: str
    split_rule: str
    unusable: int
    baseline_windows: int
    baselines_saw: Literal["none", "fit", "penalty"]
    noise: str


def write_json(path: Path, summary: Summary, source: Source) -> None:
    """Write the summary, its headline at the top level; what is not a number is null."""
    content = {**asdict(summary), "source": asdict(source)}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")


def write_windows(
    path: Path, kind: type[EvaluatedWindow | NoiseWindow], windows: Sequence[object]
) -> None:
    """Write windows of a kind, one a row; what is not known is empty."""
    names = [field.name for field in fields(kind)]
    with path.open("w", encoding="utf-8", newline="") as sink:
        table = csv.writer(sink, lineterminator="\n")
        table.writerow(names)
        for window in windows:
            table.writerow([_cell(getattr(window, name)) for name in names])


def _cell(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return int(value) if isinstance(value, bool) else value

"""A comparison's results side by side, as Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

import numpy as np

from umamba_rt.training.comparison import ADDED_NOISE_DB, RunResult, result_of
from umamba_rt.training.comparison_plan import PlannedRun
from umamba_rt.training.folder import make_folder
from umamba_rt.training.record import LabelledRecord


def compare_and_write(
    plan: Sequence[PlannedRun],
    records: Sequence[LabelledRecord],
    folder: Path,
    cache: Path,
    tell: Callable[[str], None] = print,
) -> list[RunResult]:
    """Do a plan's runs one after the other, and after each write what is known so far.

    Args:
        plan: in the order in which it is done; runs that are done already cost nothing.
        records: that the trained models are measured on.
        folder: gets ``comparison.md``, ``comparison.json`` and a folder for each run.
        cache: where synthetic records are kept.
        tell: what is going on, a line at a time.

    Raises:
        UmambaRtError: see `umamba_rt.training.run.make_trainer`.
    """
    make_folder(folder)
    results: list[RunResult] = []
    for planned in plan:
        results.append(result_of(planned, records, folder, cache, tell))
        text = json.dumps([asdict(result) for result in results], indent=1)
        (folder / "comparison.json").write_text(text + "\n", encoding="utf-8")
        (folder / "comparison.md").write_text(table(results), encoding="utf-8")
        newest = results[-1]
        tell(f"{newest.variant}-{newest.seed}: MAE {newest.mae:.3f}, event {newest.event_mae:.3f}")
    return results


def table(results: Sequence[RunResult]) -> str:
    """The comparison as Markdown: mean over the seeds, and their standard deviation.

    Of times the least: what else the machine does only adds to them.
    """
    noisy = " | ".join(f"{db:g} dB" for db in ADDED_NOISE_DB)
    head = (
        f"| variant | seeds | event MAE 25 s | event MAE 5 s | MAE | RMSE | R2 | MAE at {noisy} | "
        "epochs | s/epoch, least | RSS, MB | parameters | ms/window, least |"
    )
    lines = [head, "|" + "---|" * (head.count("|") - 1)]
    for name in dict.fromkeys(result.variant for result in results):
        own = [result for result in results if result.variant == name]
        cells = [
            name,
            str(len(own)),
            *(
                _spread([getattr(result, field) for result in own])
                for field in ("event_mae", "event_mae_early", "mae", "rmse", "r2")
            ),
            *(_spread([r.noisy_mae[k] for r in own]) for k in range(len(ADDED_NOISE_DB))),
            f"{median(result.epochs for result in own):g}",
            f"{min(result.epoch_s for result in own):.1f}",
            f"{max(result.peak_rss_mb for result in own):.0f}",
            f"{own[0].parameters:,}",
            f"{min(result.inference_ms for result in own):.2f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines += _groups(results, "source", lambda result: result.by_part)
    lines += _groups(results, "magnitude", lambda result: result.by_magnitude)
    return "\n".join(lines) + "\n"


def _groups(
    results: Sequence[RunResult], title: str, by: Callable[[RunResult], dict[str, float]]
) -> list[str]:
    """Event MAE by groups of the test windows: mean and standard deviation over the seeds."""
    names = list(dict.fromkeys(name for result in results for name in by(result)))
    lines = ["", f"Event MAE 25 s after P by {title}:", ""]
    lines += ["| variant | " + " | ".join(names) + " |", "|" + "---|" * (len(names) + 1)]
    for variant in dict.fromkeys(result.variant for result in results):
        own = [by(result) for result in results if result.variant == variant]
        cells = [_spread([groups[name] for groups in own if name in groups]) for name in names]
        lines.append(f"| {variant} | " + " | ".join(cells) + " |")
    return lines


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"

"""An evaluation as a report for people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from umamba_rt.training.metrics import Calibrated, Errors
from umamba_rt.training.report import Source
from umamba_rt.training.summary import NOISE_MAGNITUDE, Summary

# Below this many windows a group's bias says little.
FEW = 20


def markdown(summary: Summary, source: Source, plots: Sequence[str] = ()) -> str:
    """The report for people."""
    parts = [
        _head(summary, source),
        *(f"![{name}]({name})\n" for name in plots),
        _baselines(summary, source),
        _curve(summary),
        _magnitude_curve(summary),
        _calibration(summary.calibration),
        _events(summary),
        _noise(summary, source),
        *(_groups(summary, by) for by in dict.fromkeys(group.by for group in summary.groups)),
    ]
    return "\n".join(parts)


def _head(summary: Summary, source: Source) -> str:
    here = summary.headline
    point = next((p for p in summary.curve if p.seconds_after_p == summary.seconds_after_p), None)
    model = source.model
    named = "not one of our checkpoints"
    if model is not None:
        trained = "" if model.trained else ", **untrained**"
        named = f"{model.name} {model.version}{trained}, SHA-256 `{model.sha256}`"
    lines = [
        "# Evaluation",
        "",
        f"- Model: {named}.",
        f"- Data: `{source.dataset}`, split {source.split} (by {source.split_rule}); "
        f"{source.unusable} rows without P onset or magnitude left out.",
        f"- Windows of 30 s that end {summary.seconds_after_p:g} s after P: {here.n} of "
        f"{summary.n_records} records, {here.n_events} earthquakes; "
        f"{summary.not_finite} without a finite estimate.",
    ]
    if point is not None:
        lines.append(
            f"- Of them {point.n_early} end sooner, since their records do; {point.n_mirrored} "
            f"begin with mirrored noise; {point.n_excluded} records gave no window."
        )
    lines += [
        "",
        "| MAE | RMSE | R2 | n | bias | scatter | MAE, each earthquake weighing one (95 %) |",
        "|---|---|---|---|---|---|---|",
        f"| {_n(here.mae)} | {_n(here.rmse)} | {_n(here.r2)} | {here.n} | {_signed(here.bias)} | "
        f"{_n(here.scatter)} | {_with_range(here)} |",
        "",
        "Errors are the estimate less the catalogue's magnitude. The range is that of drawing "
        "earthquakes anew.",
        "",
    ]
    return "\n".join(lines)


def _baselines(summary: Summary, source: Source) -> str:
    point = next((p for p in summary.curve if p.seconds_after_p == summary.seconds_after_p), None)
    if point is None:
        return ""
    notes = f"Fitted on {source.baseline_windows} training windows."
    if not source.baseline_windows:
        notes = "No training records: neither constant nor regression."
    elif source.baselines_saw == "fit":
        notes += " **The evaluated earthquakes are among them.**"
    elif source.baselines_saw == "penalty":
        notes += " The regression's penalty was chosen on the evaluated windows."
    rows = [
        (name, errors)
        for name, errors in (
            ("model", point.model),
            ("constant (training median)", point.constant),
            ("ridge regression", point.ridge),
            ("Wood-Anderson ML, catalogue distance", point.wood_anderson),
        )
    ]
    lines = ["## Beside the baselines", "", notes, "", _ERRORS_HEAD]
    lines += [_errors_row(name, errors) for name, errors in rows]
    lines += [
        "",
        "Gain of the model: one less the ratio of mean absolute errors.",
        "",
        "| against | s after P | n | of windows | of earthquakes |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {skill.baseline} | {skill.seconds_after_p:g} | {skill.n} | {_percent(skill.of_mae)} | "
        f"{_percent(skill.of_event_mae)} |"
        for skill in summary.skill
        if skill.seconds_after_p in {5.0, summary.seconds_after_p}
    ]
    return "\n".join([*lines, ""])


def _curve(summary: Summary) -> str:
    lines = [
        "## By seconds after P",
        "",
        "MAE of windows / of earthquakes.",
        "",
        "| s | n | model | bias | ridge | Wood-Anderson | end sooner | mirrored | pass the gate |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {point.seconds_after_p:g} | {point.model.n} | {_pair(point.model)} | "
        f"{_signed(point.model.bias)} | {_pair(point.ridge)} | {_pair(point.wood_anderson)} | "
        f"{point.n_early} | {point.n_mirrored} | {_percent(point.passing_gate)} |"
        for point in summary.curve
    ]
    return "\n".join([*lines, ""])


def _magnitude_curve(summary: Summary) -> str:
    groups = {(group.name, group.seconds_after_p): group for group in summary.magnitude_curve}
    seconds = sorted({second for _, second in groups})
    names = dict.fromkeys(group.name for group in summary.groups if group.by == "magnitude")
    lines = [
        "## Bias by magnitude and seconds after P",
        "",
        f"| magnitude | n | {' | '.join(f'{second:g}' for second in seconds)} |",
        "|---" * (len(seconds) + 2) + "|",
    ]
    for name in names:
        row = [groups.get((name, second)) for second in seconds]
        here = groups[name, summary.seconds_after_p].errors.n
        biases = ["-" if group is None else _signed(group.errors.bias) for group in row]
        lines.append(f"| {name} | {here} | {' | '.join(biases)} |")
    return "\n".join([*lines, ""])


def _calibration(calibration: Calibrated | None) -> str:
    lines = ["## Uncertainty", ""]
    if calibration is None:
        lines.append("The model states none.")
    else:
        lines.append(
            f"Of {calibration.n} errors {_percent(calibration.within_1_sigma)} lie within one "
            f"sigma (normal: 68.3 %) and {_percent(calibration.within_2_sigma)} within two "
            f"(95.4 %). Median sigma {_n(calibration.median_sigma)}."
        )
    return "\n".join([*lines, ""])


def _events(summary: Summary) -> str:
    lines = [
        "## Earthquakes",
        "",
        "Median over the stations that do not clip, of earthquakes with 4 or more.",
        "",
        "| s after P | earthquakes | MAE | RMSE | bias |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {e.seconds_after_p:g} | {e.n} | {_n(e.mae)} | {_n(e.rmse)} | {_signed(e.bias)} |"
        for e in summary.event_errors
    ]
    lines += [
        "",
        "| earthquake | s after P | magnitude | estimate | spread | stations |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {e.source_id} | {e.seconds_after_p:g} | {e.magnitude:.2f} | {e.estimate:.2f} | "
        f"{e.spread:.2f} | {e.n_stations} |"
        for e in sorted(summary.events, key=lambda e: (-e.magnitude, e.source_id))
    ]
    return "\n".join([*lines, ""])


def _noise(summary: Summary, source: Source) -> str:
    lines = ["## Noise", ""]
    noise = summary.noise
    if noise is None:
        lines.append("No window of noise was there.")
    else:
        lines += [
            f"{noise.n} windows from {source.noise}. Above {NOISE_MAGNITUDE:g}: "
            f"{_percent(noise.share_above)}; with the quality gate (window SNR of at least "
            f"{summary.gate_snr_db:g} dB, which {noise.n_passing_gate} pass) "
            f"{_percent(noise.share_above_passing_gate)}.",
            "",
            f"Median reading {noise.median:.2f}, highest {noise.highest:.2f}.",
        ]
    return "\n".join([*lines, ""])


_ERRORS_HEAD = (
    "| | n | earthquakes | MAE | RMSE | R2 | bias | scatter | MAE of earthquakes (95 %) |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def _groups(summary: Summary, by: str) -> str:
    rows = [(group.name, group.errors) for group in summary.groups if group.by == by]
    lines = [f"## By {by.replace('_', ' ')}", "", _ERRORS_HEAD]
    lines += [
        _errors_row(name if errors.n >= FEW else f"{name} (few)", errors) for name, errors in rows
    ]
    return "\n".join([*lines, ""])


def _errors_row(name: str, errors: Errors) -> str:
    cells: Iterable[str] = (
        name,
        str(errors.n),
        str(errors.n_events),
        _n(errors.mae),
        _n(errors.rmse),
        _n(errors.r2),
        _signed(errors.bias),
        _n(errors.scatter),
        _with_range(errors),
    )
    return "| " + " | ".join(cells) + " |"


def _with_range(errors: Errors) -> str:
    low, high = errors.event_mae_low, errors.event_mae_high
    return f"{_n(errors.event_mae)} ({_n(low)} to {_n(high)})"


def _pair(errors: Errors) -> str:
    return f"{_n(errors.mae)} / {_n(errors.event_mae)}"


def _n(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _signed(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+.3f}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"

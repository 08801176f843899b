"""One evaluation from files to files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from umamba_rt.core.timebase import RATE_HZ, rfc3339
from umamba_rt.errors import UnavailableError
from umamba_rt.io.archive import ArchiveChoice
from umamba_rt.training.archive_windows import archive_windows, inventory_of
from umamba_rt.training.evaluate import (
    SECONDS_AFTER_P,
    EvaluatedWindow,
    Evaluation,
    NoiseWindow,
    evaluate,
    evaluate_noise,
    fit_baselines,
)
from umamba_rt.training.predict import Predict, load_predict
from umamba_rt.training.record import LabelledRecord
from umamba_rt.training.report import Source, write_json, write_windows
from umamba_rt.training.report_markdown import markdown
from umamba_rt.training.seisbench_format import SeisBenchDataset
from umamba_rt.training.summary import Summary, summarise
from umamba_rt.training.windows import WINDOW_SAMPLES, CutWindow

# Four features need no more, and STEAD has a million; evenly over the files, so of all of them.
MAX_BASELINE_RECORDS = 5000
_NOISE_HOP_S = 30.0
_BATCH = 64


@dataclass(frozen=True, slots=True)
class NoiseArchive:
    """Continuous data without earthquakes.

    Attributes:
        paths: folders and files.
        choice: which part of them.
        inventory: StationXML; None: what lies in or beside them.
    """

    paths: tuple[Path, ...]
    choice: ArchiveChoice
    inventory: Path | None


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be evaluated.

    Attributes:
        dataset: folder in SeisBench's format.
        split: ``train``, ``dev``, ``test`` or ``all``.
        checkpoint: of either model.
        output: folder; made where it is not there.
        seconds_after_p: of the headline.
        baseline_dataset: whose train and dev records the baselines are fitted on.
        noise: beside what the records hold before P; None: that alone.
        threads: of the engine; None: as many as cores.
    """

    dataset: Path
    split: str
    checkpoint: Path
    output: Path
    seconds_after_p: float
    baseline_dataset: Path
    noise: NoiseArchive | None
    threads: int | None


def run_evaluation(request: Request) -> Summary:
    """Evaluate, and write the report; see docs/evaluation.md.

    Raises:
        UnavailableError: a file is not there, the split is empty or has no window of the headline,
            or the output cannot be written.
        DatasetError: the data set cannot be read.
        CheckpointError: the checkpoint cannot be used.
    """
    try:  # now: an hour's work must not end at a folder that cannot be made
        request.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(str(request.output), error.strerror or str(error)) from error
    dataset = SeisBenchDataset(request.dataset)
    chosen = dataset.select(request.split)
    if not len(chosen):
        raise UnavailableError(str(request.dataset), f"no usable record in split {request.split}")
    predict, identity = load_predict(request.checkpoint, request.threads)
    seconds = tuple(sorted({*SECONDS_AFTER_P, request.seconds_after_p}))
    basis = dataset
    if request.baseline_dataset != request.dataset:
        basis = SeisBenchDataset(request.baseline_dataset)
    fitted = fit_baselines(_some_of(basis, "train"), _some_of(basis, "dev"), seconds)
    evaluation = evaluate(chosen, predict, fitted, seconds)
    noise_from = "before P, and records of noise"
    if request.noise is not None:
        noise = tuple(_archived_noise(request.noise, predict))
        evaluation = replace(evaluation, noise=noise)
        noise_from = ", ".join(map(str, request.noise.paths))
    summary = summarise(evaluation, request.seconds_after_p)
    if not summary.n:
        found = f"no window ends {request.seconds_after_p:g} s after P, of {len(chosen)} records"
        raise UnavailableError(str(request.dataset), found)
    here = fitted.get(request.seconds_after_p)
    source = Source(
        model=identity,
        dataset=str(request.dataset),
        split=request.split,
        split_rule=dataset.split_rule,
        unusable=dataset.unusable,
        baseline_windows=here.n_train if here else 0,
        baselines_saw=_seen(basis, chosen),
        noise=noise_from,
    )
    _write(request.output, summary, source, evaluation)
    return summary


def _seen(basis: SeisBenchDataset, chosen: SeisBenchDataset) -> Literal["none", "fit", "penalty"]:
    """What the regression knows of the earthquakes that are evaluated."""
    evaluated = {header.source_id for header in chosen.headers}
    if any(header.source_id in evaluated for header in basis.select("train").headers):
        return "fit"
    known = any(header.source_id in evaluated for header in basis.select("dev").headers)
    return "penalty" if known else "none"


def _some_of(dataset: SeisBenchDataset, split: str) -> Iterator[LabelledRecord]:
    """An earthquake's records of a split, evenly thinned where there are too many."""
    records = dataset.select(split, lambda header: not header.noise)
    step = max(1, math.ceil(len(records) / MAX_BASELINE_RECORDS))
    return (records[index] for index in range(0, len(records), step))


def _archived_noise(archive: NoiseArchive, predict: Predict) -> Iterator[NoiseWindow]:
    """Windows side by side of an archive, through the model."""
    inventory = inventory_of(archive.paths, archive.inventory)
    length_s = (WINDOW_SAMPLES - 1) / RATE_HZ
    found = archive_windows(
        archive.paths, inventory, length_s=length_s, hop_s=length_s, choice=archive.choice
    )
    named = (
        (
            f"{window.group.network}.{window.group.station} {rfc3339(window.start_ns)}",
            CutWindow(window.samples, window.calibration, math.nan, 0, math.nan),
        )
        for window in found
    )
    while batch := list(islice(named, _BATCH)):
        yield from evaluate_noise(batch, predict)


def _write(output: Path, summary: Summary, source: Source, evaluation: Evaluation) -> None:
    # matplotlib takes half a second to import: not before it is needed.
    from umamba_rt.training.report_plots import write_plots

    try:
        plots = write_plots(output, evaluation, summary)
        write_json(output / "metrics.json", summary, source)
        write_windows(output / "predictions.csv", EvaluatedWindow, evaluation.windows)
        write_windows(output / "noise.csv", NoiseWindow, evaluation.noise)
        text = markdown(summary, source, plots)
        (output / "report.md").write_text(text, encoding="utf-8")
    except OSError as error:
        raise UnavailableError(str(output), error.strerror or str(error)) from error

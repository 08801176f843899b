"""Variants trained, measured on the same windows and set side by side."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

from umamba_rt.core.timebase import RATE_HZ
from umamba_rt.engine.torch_engine import TorchEngine
from umamba_rt.models.loading import load
from umamba_rt.models.summary import summarise as count
from umamba_rt.training.comparison_plan import PlannedRun
from umamba_rt.training.evaluate import Evaluation, evaluate
from umamba_rt.training.log_plot import read_log
from umamba_rt.training.predict import Predict, predict_with, run
from umamba_rt.training.record import LabelledRecord
from umamba_rt.training.run import make_trainer
from umamba_rt.training.summary import Summary, summarise
from umamba_rt.training.trainer import EpochLog
from umamba_rt.training.windows import cut_window

SECONDS = (5.0, 25.0)
ADDED_NOISE_DB = (20.0, 10.0, 5.0, 0.0)
_TIMED_BATCH, _TIMED_RUNS = 64, 7
_SIGNAL_S = 25


@dataclass(frozen=True, slots=True)
class RunResult:
    """What one trained model reached and cost.

    Attributes:
        variant, seed: which run.
        mae, rmse, r2: of the windows 25 s after P.
        event_mae: the same with each earthquake weighing one.
        event_mae_early: likewise 5 s after P.
        noisy_mae: of the windows 25 s after P under white noise, for each of ``ADDED_NOISE_DB``.
        by_part, by_magnitude: ``event_mae`` of the windows 25 s after P, by the source within the
            data set and by whole magnitudes.
        epochs: trained until it stopped.
        epoch_s: median time of an epoch.
        peak_rss_mb: of the training process.
        parameters: of the model.
        inference_ms: of a window in a batch of 64, median.
    """

    variant: str
    seed: int
    mae: float
    rmse: float
    r2: float
    event_mae: float
    event_mae_early: float
    noisy_mae: tuple[float, ...]
    by_part: dict[str, float]
    by_magnitude: dict[str, float]
    epochs: int
    epoch_s: float
    peak_rss_mb: float
    parameters: int
    inference_ms: float


def result_of(
    planned: PlannedRun,
    records: Sequence[LabelledRecord],
    folder: Path,
    cache: Path,
    tell: Callable[[str], None],
) -> RunResult:
    """Train and measure a run, or give what an earlier process measured.

    Args:
        planned: the run.
        records: that the trained model is measured on.
        folder: gets a folder for the run.
        cache: where synthetic records are kept.
        tell: what is going on, a line at a time.

    Raises:
        UmambaRtError: see `umamba_rt.training.run.make_trainer`.
    """
    home = folder / f"{planned.variant}-{planned.seed}"
    done = home / "result.json"
    if not done.exists():
        _train(planned, home, cache, tell)
        result = measure(planned, records, home)
        done.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")
    return _read(done)


def _train(planned: PlannedRun, home: Path, cache: Path, tell: Callable[[str], None]) -> None:
    trainer = make_trainer(planned.recipe, home, cache)

    def on_epoch(log: EpochLog) -> None:
        tell(f"{home.name}: epoch {log.epoch}, dev {log.dev.score:.3f}, {log.seconds:.0f} s")

    trainer.run(on_epoch, lambda _: None)


def measure(planned: PlannedRun, records: Sequence[LabelledRecord], home: Path) -> RunResult:
    """Measure the kept checkpoint of a run."""
    model = load(home / "best.safetensors")
    engine = TorchEngine(model)
    predict = predict_with(engine)
    summary = summarise(evaluate(records, predict, seconds=SECONDS), SECONDS[-1])
    log = read_log(home)
    return RunResult(
        variant=planned.variant,
        seed=planned.seed,
        mae=summary.mae,
        rmse=summary.rmse,
        r2=summary.r2,
        event_mae=summary.headline.event_mae,
        event_mae_early=summary.curve[0].model.event_mae,
        noisy_mae=tuple(
            summarise(_noisy(records, db, predict), SECONDS[-1]).mae for db in ADDED_NOISE_DB
        ),
        by_part=_by(summary, "part"),
        by_magnitude=_by(summary, "magnitude"),
        epochs=len(log),
        epoch_s=median(line["seconds"] for line in log),
        peak_rss_mb=max(line["peak_rss_mb"] for line in log),
        parameters=count(model).parameters,
        inference_ms=_inference_ms(engine, records),
    )


def _by(summary: Summary, grouping: str) -> dict[str, float]:
    return {g.name: g.errors.event_mae for g in summary.groups if g.by == grouping}


def _noisy(records: Sequence[LabelledRecord], db: float, predict: Predict) -> Evaluation:
    rng = np.random.default_rng(0)
    noisy = (with_noise(record, db, rng) for record in records if not record.is_noise)
    return evaluate(noisy, predict, seconds=SECONDS[-1:])


def with_noise(record: LabelledRecord, db: float, rng: np.random.Generator) -> LabelledRecord:
    """A record under white noise, for each component ``db`` weaker than 25 s of its signal."""
    start = round(record.p_sample)
    signal = record.samples[:, start : start + _SIGNAL_S * RATE_HZ]
    level = signal.std(axis=1, keepdims=True) * 10 ** (-db / 20)
    noise = rng.standard_normal(record.samples.shape) * level
    return replace(record, samples=(record.samples + noise).astype(np.float32))


def _inference_ms(engine: TorchEngine, records: Sequence[LabelledRecord]) -> float:
    cut = [cut_window(record, SECONDS[-1]) for record in records if not record.is_noise]
    windows = [window for window in cut if window is not None]
    batch = [windows[k % len(windows)] for k in range(_TIMED_BATCH)]
    run(engine, batch)
    times = []
    for _ in range(_TIMED_RUNS):
        started_s = time.perf_counter()
        run(engine, batch)
        times.append(time.perf_counter() - started_s)
    return 1000 * median(times) / _TIMED_BATCH


def _read(path: Path) -> RunResult:
    values = json.loads(path.read_text(encoding="utf-8"))
    values["noisy_mae"] = tuple(values["noisy_mae"])
    return RunResult(**values)

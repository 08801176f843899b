"""The engines beside what they must beat: the plain model, SeisBench, and the machine's limit."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from numpy.typing import NDArray
from obspy import Stream, Trace, UTCDateTime
from torch.utils.flop_counter import FlopCounterMode

from tools.benchmark_numbers import Spread, alternate
from tools.benchmark_stations import Waveforms
from umamba_rt.core.calibration import Calibration
from umamba_rt.core.estimate import Float32Array, ModelName
from umamba_rt.core.pipeline import Pipeline, PipelineSettings
from umamba_rt.core.preprocess import ModelInput, prepare
from umamba_rt.core.segment import Segment
from umamba_rt.core.timebase import NS_PER_S, RATE_HZ
from umamba_rt.core.window import Window
from umamba_rt.engine import load_engine
from umamba_rt.engine.base import Engine, EngineName
from umamba_rt.models import mamba
from umamba_rt.models.loading import load
from umamba_rt.models.scan import selective_scan_reference
from umamba_rt.models.shipped import shipped
from umamba_rt.models.state import Model
from umamba_rt.worker import estimates

WINDOW = 3001
BATCH = 32
START_NS = 1_600_000_000 * NS_PER_S
_CALIBRATION = Calibration("m/s", (6e8, 6e8, 6e8))
_MATRIX = 2048


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """What the engines do beside their peers, all by turns in one run.

    Attributes:
        engine: the backend.
        windows_per_s: of each contender, prepared windows a second.
        gflop_a_window: counted by torch, convolutions and matrix products alone.
        sgemm_gflop_per_s: of this machine, in the same turns.
        single_ms: one window alone, prepared or raw, by our engine.
        hour_s: one station-hour at 1 s hop, of each contender, s.
        hour_windows: how many windows of it each estimated.
    """

    engine: str
    windows_per_s: dict[str, Spread]
    gflop_a_window: dict[str, float]
    sgemm_gflop_per_s: Spread
    single_ms: dict[str, Spread]
    hour_s: dict[str, Spread]
    hour_windows: dict[str, int]


def engine_of(name: ModelName, engine: EngineName) -> Engine:
    """An engine of the package's weights, warm."""
    made = load_engine(shipped(name), name=name, engine=engine)
    made.warm_up()
    return made


def model_of(name: ModelName) -> Model:
    """The plain model of the same weights."""
    path = shipped(name)
    if path is None:
        raise SystemExit(f"no weights of {name} come with this package")
    return load(path)


def raw_windows(waveforms: list[Waveforms], count: int, seed: int = 0) -> Float32Array:
    """Windows of real waveforms at random times, shape ``(count, 3, 3001)``, counts.

    Behind its end a record goes on with its beginning.
    """
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        samples = waveforms[number % len(waveforms)].samples
        first, total = int(rng.integers(samples.shape[1])), samples.shape[1]
        found.append(samples[:, np.arange(first, first + WINDOW) % total].astype(np.float32))
    return np.stack(found)


def prepared(windows: Float32Array) -> ModelInput:
    """As the shipped weights want them, of a sensor whose sensitivity is known."""
    return prepare(windows, [_CALIBRATION] * len(windows), "std", amplitude=True)


def measure_engines(
    waveforms: list[Waveforms], *, repetitions: int, windows: int, hour_s: int, engine: EngineName
) -> EngineFigures:
    """Measure everything by turns.

    Args:
        waveforms: real sensors.
        repetitions: turns of each contender.
        windows: prepared windows a turn; eager ones a quarter of it.
        hour_s: length of the continuous record, s.
        engine: the backend to measure.
    """
    batch = prepared(raw_windows(waveforms, windows))
    names: tuple[ModelName, ModelName] = ("v2", "v1")
    engines = {name: engine_of(name, engine) for name in names}
    models = {name: model_of(name) for name in names}
    fewer = ModelInput(*(x[: max(BATCH, windows // 4)] for x in _arrays(batch)))
    contenders: dict[str, Callable[[], int]] = {}
    for name in names:
        contenders[f"{name} engine"] = partial(_through_engine, engines[name], batch, 64)
        contenders[f"{name} eager, batches of {BATCH}"] = partial(
            _through_model, models[name], fewer, BATCH
        )
    singles = ModelInput(*(x[: max(8, windows // 16)] for x in _arrays(batch)))
    contenders["v2 eager, one by one"] = partial(_through_model, models["v2"], singles, 1)
    contenders["sgemm"] = _Sgemm()
    rates = alternate(contenders, repetitions)
    sgemm = rates.pop("sgemm").scaled(1e-9)
    hour, counts = _measure_hour(waveforms[0], hour_s, engines["v2"], repetitions)
    return EngineFigures(
        engine=engines["v2"].backend,
        windows_per_s=rates,
        gflop_a_window={name: _gflop(models[name], batch) for name in names},
        sgemm_gflop_per_s=sgemm,
        single_ms=_single_ms(engines["v2"], batch, waveforms, 40 * repetitions),
        hour_s=hour,
        hour_windows=counts,
    )


def _arrays(batch: ModelInput) -> list[Float32Array]:
    return [batch.samples] if batch.amplitude is None else [batch.samples, batch.amplitude]


def _through_engine(engine: Engine, batch: ModelInput, size: int) -> int:
    for first in range(0, len(batch), size):
        engine.run(ModelInput(*(x[first : first + size] for x in _arrays(batch))))
    return len(batch)


def _through_model(model: Model, batch: ModelInput, size: int) -> int:
    """Eager PyTorch, all its threads, and the scan as a plain loop."""
    with sequential_scan(), torch.inference_mode():
        for first in range(0, len(batch), size):
            model(*(torch.from_numpy(x[first : first + size]) for x in _arrays(batch)))
    return len(batch)


@contextmanager
def sequential_scan() -> Iterator[None]:
    """Let the models scan as the reference code does, token after token."""
    compiled = vars(mamba)["selective_scan"]
    vars(mamba)["selective_scan"] = selective_scan_reference
    try:
        yield
    finally:
        vars(mamba)["selective_scan"] = compiled


class _Sgemm:
    """Multiplies matrices that fill the caches; counts operations, not windows."""

    def __init__(self) -> None:
        self._a, self._b = torch.randn(_MATRIX, _MATRIX), torch.randn(_MATRIX, _MATRIX)
        self._out = torch.empty(_MATRIX, _MATRIX)

    def __call__(self) -> int:
        rounds = 4
        for _ in range(rounds):
            torch.mm(self._a, self._b, out=self._out)
        return rounds * 2 * _MATRIX**3


def _gflop(model: Model, batch: ModelInput) -> float:
    with sequential_scan(), torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(*(torch.from_numpy(x[:1]) for x in _arrays(batch)))
    return float(counter.get_total_flops() / 1e9)


def _single_ms(
    engine: Engine, batch: ModelInput, waveforms: list[Waveforms], count: int
) -> dict[str, Spread]:
    """One window after the other, each timed: prepared, and from raw samples on."""
    raw = raw_windows(waveforms, count, seed=1)
    ready, whole = [], []
    for number in range(count):
        k = number % len(batch)
        one = ModelInput(*(x[k : k + 1] for x in _arrays(batch)))
        begun_s = time.perf_counter()
        engine.run(one)
        ready.append((time.perf_counter() - begun_s) * 1e3)
        begun_s = time.perf_counter()
        engine.run(prepared(raw[number : number + 1]))
        whole.append((time.perf_counter() - begun_s) * 1e3)
    return {"prepared": Spread.of(ready), "from raw samples": Spread.of(whole)}


# -- a continuous hour, cutting and preparation included


def _measure_hour(
    source: Waveforms, length_s: int, engine: Engine, repetitions: int
) -> tuple[dict[str, Spread], dict[str, int]]:
    """Seconds that a continuous record takes, and the windows estimated of it."""
    from umamba_rt.seisbench_models import UMambaMagV2  # an extra

    count = length_s * RATE_HZ + 1
    samples = np.take(source.samples, range(count), axis=1, mode="wrap")
    segments, stream = _segments(source, samples), _stream(source, samples)
    model = UMambaMagV2.from_pretrained()

    def annotate() -> int:
        annotations = model.annotate(stream, copy=True, stride=RATE_HZ)
        return sum(len(trace) for trace in annotations)

    def annotate_sequentially() -> int:
        with sequential_scan():
            return annotate()

    contenders: dict[str, Callable[[], int]] = {
        "engine, windows cut by the core": partial(_cut_and_estimate, segments, engine),
        "SeisBench annotate": annotate,
        "SeisBench annotate, sequential scan": annotate_sequentially,
    }
    counts = {name: work() for name, work in contenders.items()}  # compiles what is to be compiled
    rates = alternate(contenders, max(1, repetitions // 2))
    return {name: rates[name].reciprocal(counts[name]) for name in contenders}, counts


def _segments(source: Waveforms, samples: NDArray[np.int32]) -> list[Segment]:
    """The record as its packets: a second of each component in turn."""
    found = []
    for first in range(0, samples.shape[1], RATE_HZ):
        start_ns = START_NS + first * NS_PER_S // RATE_HZ
        for channel, row in zip(source.channels, samples, strict=True):
            found.append(Segment(channel, start_ns, float(RATE_HZ), row[first : first + RATE_HZ]))
    return found


def _stream(source: Waveforms, samples: NDArray[np.int32]) -> Stream:
    header = {"sampling_rate": float(RATE_HZ), "starttime": UTCDateTime(ns=START_NS)}
    names = [
        {"network": one.network, "station": one.station, "channel": one.channel}
        for one in source.channels
    ]
    return Stream(
        Trace(np.ascontiguousarray(row), {**header, **name})
        for row, name in zip(samples, names, strict=True)
    )


def _cut_and_estimate(segments: list[Segment], engine: Engine) -> int:
    """The daemon's way without its sockets: one thread cuts, another prepares and estimates."""
    windows = _windows(segments)
    done = 0
    with ThreadPoolExecutor(1) as reader:
        following = reader.submit(list, islice(windows, 64))
        while batch := following.result():
            following = reader.submit(list, islice(windows, 64))
            done += len(estimates(engine, batch))
    return done


def _windows(segments: list[Segment]) -> Iterator[Window]:
    pipeline = Pipeline(PipelineSettings(max_future_s=None))
    for segment in segments:
        yield from pipeline.accept(segment, segment.end_ns).windows

"""Whether an engine gives the plain model's numbers, on many random and real windows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch

from tools.benchmark_engines import WINDOW, engine_of, model_of, raw_windows
from tools.benchmark_stations import Waveforms
from umamba_rt.core.calibration import COUNTS, Calibration
from umamba_rt.core.estimate import Float32Array, ModelName
from umamba_rt.core.preprocess import ModelInput, prepare
from umamba_rt.engine.base import EngineName
from umamba_rt.models.config import V1Config
from umamba_rt.models.readout import magnitude_of
from umamba_rt.models.state import Model

TOLERANCE = 1e-4
# Sizes of batches, by turns: odd ones, too.
_SIZES = (1, 2, 3, 7, 32, 64, 33)
_SMALLEST, _LARGEST = -12, 12  # powers of ten of counts


@dataclass(frozen=True, slots=True)
class Equality:
    """The largest difference of one model.

    Attributes:
        engine: the backend.
        windows: how many were compared.
        worst: largest difference of a magnitude.
        worst_of_curve: largest difference inside V1's curve; None for V2.
        not_finite: windows of which either gave no number.
    """

    engine: str
    windows: int
    worst: float
    worst_of_curve: float | None
    not_finite: int


def measure_equality(
    waveforms: list[Waveforms], name: ModelName, count: int, engine: EngineName
) -> Equality:
    """Compare an engine with the plain model.

    Args:
        waveforms: real sensors; half of the windows are theirs, half are random ones of all
            scales, with gaps filled by constants among them.
        name: which model.
        count: how many windows.
        engine: the backend.
    """
    fast, plain = engine_of(name, engine), model_of(name)
    worst = worst_of_curve = 0.0
    not_finite = compared = 0
    for batch in _batches(waveforms, count):
        output, expected = fast.run(batch), _expected(plain, batch)
        wanted = expected
        if isinstance(plain.config, V1Config) and output.evolution is not None:
            wanted = magnitude_of(expected, plain.config.readout)
            difference = np.abs(output.evolution - expected)
            worst_of_curve = max(worst_of_curve, float(difference.max()))
        finite = np.isfinite(output.magnitude) & np.isfinite(wanted)
        not_finite += int((~finite).sum())
        worst = max(worst, float(np.abs(output.magnitude - wanted).max(initial=0.0, where=finite)))
        compared += len(batch)
    curve = worst_of_curve if name == "v1" else None
    return Equality(fast.backend, compared, worst, curve, not_finite)


def _expected(model: Model, batch: ModelInput) -> Float32Array:
    inputs = [torch.from_numpy(batch.samples)]
    if batch.amplitude is not None:
        inputs.append(torch.from_numpy(batch.amplitude))
    with torch.inference_mode():
        values: Float32Array = model(*inputs).numpy()
    return values


def _batches(waveforms: list[Waveforms], count: int) -> Iterator[ModelInput]:
    """Batches of odd sizes, real and random windows by turns, sensitivities known and not."""
    rng = np.random.default_rng(0)
    left, turn = count, 0
    while left:
        size = min(left, _SIZES[turn % len(_SIZES)])
        # By two turns, so that each size comes with both kinds.
        is_real = turn // len(_SIZES) % 2 == 0
        raw = raw_windows(waveforms, size, seed=turn) if is_real else _random(rng, size)
        per_unit = 10.0 ** rng.uniform(3, 10)
        known = Calibration("m/s^2" if turn % 2 else "m/s", (per_unit,) * 3)
        calibrations = [known if rng.random() < 0.8 else COUNTS for _ in range(size)]
        yield prepare(raw, calibrations, "std", amplitude=True)
        left, turn = left - size, turn + 1


def _random(rng: np.random.Generator, count: int) -> Float32Array:
    """Noise of any scale, with an offset, a constant stretch or a constant component at times."""
    scale = 10.0 ** rng.uniform(_SMALLEST, _LARGEST, (count, 3, 1))
    windows = rng.normal(0, 1, (count, 3, WINDOW)) * scale
    for window in windows:
        kind = rng.integers(4)
        if kind == 1:
            window += rng.normal(0, 100, (3, 1)) * np.abs(window).max()
        elif kind == 2:
            first = int(rng.integers(WINDOW - 500))
            window[int(rng.integers(3)), first : first + 500] = 0.0
        elif kind == 3:
            window[int(rng.integers(3))] = window[0, 0]
    return windows.astype(np.float32)

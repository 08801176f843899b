"""Windows drawn from records, batch after batch, as a model in training wants them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.amplitude import OF_SECONDS
from umamba_rt.core.calibration import Calibration
from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.preprocess import ModelInput, Norm, prepare
from umamba_rt.errors import ConfigError, ConfigProblem, DatasetError
from umamba_rt.training.augment import augmented, maybe_unknown
from umamba_rt.training.recipe import DataRecipe
from umamba_rt.training.record import LabelledRecord
from umamba_rt.training.windows import WINDOW_SAMPLES, CutWindow, cut_noise, cut_window

_NOISE_EARLIEST_S, _NOISE_LATEST_S = -12.0, -0.5
_MOST_TRIES = 1000
_LARGE = 5.0


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """Windows and what a model shall say of them.

    Attributes:
        inputs: B windows, prepared.
        magnitude: shape ``(B,)``; 0 where the window holds no P onset.
        p_sample: shape ``(B,)``, index of the P onset in the window; NaN where there is none.
    """

    inputs: ModelInput
    magnitude: Float32Array
    p_sample: Float32Array


@dataclass(frozen=True, slots=True)
class _Source:
    """Records of one kind, parted into earthquakes and noise; ``odds`` of the former add up."""

    records: Sequence[LabelledRecord]
    earthquakes: NDArray[np.intp]
    odds: NDArray[np.float64]
    noise: NDArray[np.intp]


class Sampler:
    """Draws windows from real and synthetic records by a recipe.

    Args:
        real: records of the train split; may be empty.
        synthetic: likewise.
        recipe: shares, weights, offsets.
        norm: the model's.
        amplitude: whether the model wants the amplitude features.

    Raises:
        ConfigError: the recipe asks for windows of a kind of which there is no earthquake.
    """

    def __init__(
        self,
        real: Sequence[LabelledRecord],
        synthetic: Sequence[LabelledRecord],
        recipe: DataRecipe,
        *,
        norm: Norm,
        amplitude: bool,
    ) -> None:
        self._real = _source(real, recipe)
        self._synthetic = _source(synthetic, recipe)
        for name, share, source in (
            ("data.real", recipe.real_share, self._real),
            ("data.synthetic_count", 1 - recipe.real_share, self._synthetic),
        ):
            if share > 0 and not len(source.earthquakes):
                problem = ConfigProblem(name, "no earthquake to train on", "one at least")
                raise ConfigError("recipe", (problem,))
        self._recipe = recipe
        self._norm: Norm = norm
        self._amplitude = amplitude

    def batches(self, seed: tuple[int, ...], count: int, size: int) -> Iterator[TrainingBatch]:
        """``count`` batches of ``size`` windows; the same seed gives the same ones."""
        rng = np.random.default_rng(seed)
        for _ in range(count):
            yield self._batch(rng, size)

    def _batch(self, rng: np.random.Generator, size: int) -> TrainingBatch:
        samples = np.empty((size, 3, WINDOW_SAMPLES), np.float32)
        calibrations: list[Calibration] = []
        magnitude, p_sample = np.zeros(size, np.float32), np.full(size, np.nan, np.float32)
        for k in range(size):
            is_real = rng.random() < self._recipe.real_share
            source = self._real if is_real else self._synthetic
            window, label = self._draw(rng, source)
            samples[k] = augmented(rng, window.samples) if self._recipe.augment else window.samples
            share = self._recipe.unknown_unit_share
            calibrations.append(maybe_unknown(rng, window.calibration, share))
            if not math.isnan(label):
                magnitude[k], p_sample[k] = label, window.p_sample
        inputs = prepare(samples, calibrations, self._norm, amplitude=self._amplitude)
        if inputs.amplitude is not None:
            untold = rng.random(size) >= self._recipe.seconds_share
            inputs.amplitude[untold, OF_SECONDS] = 0.0
        return TrainingBatch(inputs, magnitude, p_sample)

    def _draw(self, rng: np.random.Generator, source: _Source) -> tuple[CutWindow, float]:
        """A window and its magnitude; NaN where it holds no P onset.

        Raises:
            DatasetError: a thousand records, one after the other, gave no window.
        """
        for _ in range(_MOST_TRIES):
            if rng.random() < self._recipe.noise_share:
                window = _noise_window(rng, source)
                if window is not None:
                    return window, math.nan
                continue
            pick = int(np.searchsorted(source.odds, rng.random(), side="right"))
            record = source.records[int(source.earthquakes[pick])]
            window = cut_window(record, self._seconds_after_p(rng))
            if window is not None:
                return window, record.magnitude
        raise DatasetError(
            "training records", f"{_MOST_TRIES} draws, one after the other, gave no window"
        )

    def _seconds_after_p(self, rng: np.random.Generator) -> float:
        """Half flat, half flat in the logarithm: the first seconds change most."""
        low, high = self._recipe.earliest_s, self._recipe.latest_s
        if rng.random() < 0.5:
            return float(rng.uniform(low, high))
        return float(np.exp(rng.uniform(np.log(max(low, 0.1)), np.log(high))))


def _source(records: Sequence[LabelledRecord], recipe: DataRecipe) -> _Source:
    about = [(record.source_id, record.magnitude) for record in records]
    names = [None if math.isnan(magnitude) else name for name, magnitude in about]
    sizes = Counter(names)
    earthquakes = np.array([k for k, name in enumerate(names) if name is not None], np.intp)
    odds = np.array([sizes[names[k]] ** (recipe.event_power - 1.0) for k in earthquakes])
    odds *= [recipe.large_weight if about[k][1] >= _LARGE else 1.0 for k in earthquakes]
    noise = np.array([k for k, name in enumerate(names) if name is None], np.intp)
    shares = np.cumsum(odds) / odds.sum() if len(odds) else odds
    return _Source(records, earthquakes, shares, noise)


def _noise_window(rng: np.random.Generator, source: _Source) -> CutWindow | None:
    """From a record of noise, or from before the onset of an earthquake's."""
    count = len(source.noise) + len(source.earthquakes)
    pick = int(rng.integers(count))
    if pick < len(source.noise):
        windows = cut_noise(source.records[source.noise[pick]])
        return windows[int(rng.integers(len(windows)))] if windows else None
    record = source.records[source.earthquakes[pick - len(source.noise)]]
    return cut_window(record, float(rng.uniform(_NOISE_EARLIEST_S, _NOISE_LATEST_S)))

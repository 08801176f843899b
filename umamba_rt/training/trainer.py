"""The training loop: epochs that a kill cannot change, a log, and the best weights kept."""

from __future__ import annotations

import copy
import json
import math
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from umamba_rt.ahead import ahead
from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.preprocess import ModelInput
from umamba_rt.errors import CheckpointError, ConfigError, ConfigProblem, UnavailableError
from umamba_rt.models.checkpoint import save
from umamba_rt.models.config import V1Config
from umamba_rt.models.facts import CheckpointFacts, Preprocessing, training_text
from umamba_rt.models.readout import magnitude_of
from umamba_rt.models.state import Model, build
from umamba_rt.models.umamba_v2 import UMambaV2
from umamba_rt.training.head_start import head_start
from umamba_rt.training.loss import curve_target, estimate_loss
from umamba_rt.training.recipe import FitRecipe, Recipe
from umamba_rt.training.sampler import Sampler, TrainingBatch
from umamba_rt.training.selection import DevError, DevSet
from umamba_rt.training.start import start_from

_EVALUATION_BATCH = 64


@dataclass(frozen=True, slots=True)
class EpochLog:
    """One line of ``log.jsonl``.

    Attributes:
        epoch: from 1 on.
        learning_rate: at its last step.
        train_loss: mean over its steps.
        dev: error of the weights that would be kept.
        seconds: it took, the dev error included.
        peak_rss_mb: of the process so far.
        is_best: whether its weights were kept.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    dev: DevError
    seconds: float
    peak_rss_mb: float
    is_best: bool


class Trainer:
    """One run; `run` may be ended at any moment and called again in a new process.

    ``last.pt`` holds everything that the next epoch depends on; windows and dropout of an epoch
    are drawn from seeds of their own. So a run that was killed and resumed gives the numbers of
    one that was not, on the same machine with the same number of threads.
    """

    def __init__(self, recipe: Recipe, sampler: Sampler, dev: DevSet, folder: Path) -> None:
        """Make the model, or read how far an earlier process came.

        Raises:
            UnavailableError: a file cannot be read.
            CheckpointError: ``last.pt`` is of another recipe or damaged, or ``start_from`` is no
                checkpoint of this model.
        """
        self._recipe, self._sampler, self._dev, self._folder = recipe, sampler, dev, folder
        if recipe.fit.threads:
            torch.set_num_threads(recipe.fit.threads)
        torch.manual_seed(recipe.fit.seed)
        self._model = build(recipe.model)
        if recipe.fit.start_from:
            start_from(self._model, Path(recipe.fit.start_from))
        if recipe.fit.head_windows and isinstance(self._model, UMambaV2) and not self._has_begun():
            head_start(
                self._model,
                sampler,
                hears_encoder=bool(recipe.fit.start_from),
                windows=recipe.fit.head_windows,
                passes=recipe.fit.head_passes,
                loss=recipe.fit.loss,
                seed=recipe.fit.seed,
            )
        self._kept = copy.deepcopy(self._model)
        self._optimiser = torch.optim.AdamW(
            self._model.parameters(),
            lr=recipe.fit.learning_rate,
            weight_decay=recipe.fit.weight_decay,
        )
        self.epoch, self._steps = 0, 0
        self._best, self._best_epoch, self._factor, self._waited = math.inf, 0, 1.0, 0
        self._resume()

    def run(self, on_epoch: Callable[[EpochLog], None], on_step: Callable[[int], None]) -> None:
        """Train to the end.

        Args:
            on_epoch: told of each epoch.
            on_step: told of each step's windows.

        Raises:
            UnavailableError: the folder cannot be written.
            ConfigError: the loss is no number any more; the epoch before it is kept.
        """
        while not self._has_ended():
            log = self._one_epoch(on_step)
            if not math.isfinite(log.train_loss + log.dev.score):
                found = f"{log.learning_rate:g}, with which epoch {log.epoch} loses all numbers"
                problem = ConfigProblem("fit.learning_rate", found, "a smaller one, or sound data")
                raise ConfigError("recipe", (problem,))
            self._write(log)
            on_epoch(log)

    def _has_ended(self) -> bool:
        fit = self._recipe.fit
        return self.epoch >= fit.epochs or self.epoch - self._best_epoch >= fit.stop_epochs

    def _one_epoch(self, on_step: Callable[[int], None]) -> EpochLog:
        fit, started_s = self._recipe.fit, time.perf_counter()
        steps = max(1, fit.windows_per_epoch // fit.batch_size)
        (dropout_seed,) = np.random.SeedSequence((fit.seed, self.epoch)).generate_state(1)
        torch.manual_seed(int(dropout_seed))
        batches = self._sampler.batches((fit.seed, self.epoch), steps, fit.batch_size)
        losses = []
        self._model.train()
        for k, batch in enumerate(ahead(batches)):
            self._set_rate(self.epoch + k / steps)
            losses.append(self._step(batch))
            on_step(fit.batch_size)
        self.epoch += 1
        error = self._dev.error(self._predict)
        is_best = error.score < self._best
        self._note(error.score, is_best=is_best)
        return EpochLog(
            epoch=self.epoch,
            learning_rate=self._optimiser.param_groups[0]["lr"],
            train_loss=float(np.mean(losses)),
            dev=error,
            seconds=round(time.perf_counter() - started_s, 2),
            peak_rss_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            is_best=is_best,
        )

    def _step(self, batch: TrainingBatch) -> float:
        fit = self._recipe.fit
        inputs = _tensors(batch.inputs)
        magnitude = torch.from_numpy(batch.magnitude)
        target = magnitude
        if self._recipe.model.name == "v1":
            length = inputs[0].shape[-1]
            p_sample = torch.from_numpy(batch.p_sample)
            target = curve_target(magnitude, p_sample, length, fit.target)
        loss = estimate_loss(self._model(*inputs), target, fit.loss)
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), fit.clip_norm)
        self._optimiser.step()
        self._steps += 1
        # The mean of few steps forgets its random beginning quickly.
        decay = min(fit.ema_decay, (1 + self._steps) / (10 + self._steps))
        _follow(self._kept, self._model, decay)
        return loss.item()

    def _set_rate(self, epoch: float) -> None:
        rate = self._recipe.fit.learning_rate * self._factor * _schedule(self._recipe.fit, epoch)
        for group in self._optimiser.param_groups:
            group["lr"] = rate

    def _note(self, score: float, *, is_best: bool) -> None:
        """Remember the best, and halve the rate after a plateau."""
        fit = self._recipe.fit
        if is_best:
            self._best, self._best_epoch, self._waited = score, self.epoch, 0
            return
        self._waited += 1
        if fit.schedule == "plateau" and self._waited >= fit.plateau_epochs:
            self._factor, self._waited = self._factor / 2, 0

    def _predict(self, inputs: ModelInput) -> Float32Array:
        self._kept.eval()
        parts = []
        with torch.inference_mode():
            for first in range(0, len(inputs), _EVALUATION_BATCH):
                part = [x[first : first + _EVALUATION_BATCH] for x in _tensors(inputs)]
                output: Tensor = self._kept(*part)
                parts.append(output.numpy())
        values: Float32Array = np.concatenate(parts)
        config = self._recipe.model
        return magnitude_of(values, config.readout) if isinstance(config, V1Config) else values

    def _write(self, log: EpochLog) -> None:
        """Keep what the next epoch needs, then say that this one is done."""
        state = {
            "recipe": recipe_text(self._recipe),
            "model": self._model.state_dict(),
            "kept": self._kept.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "progress": {
                "epoch": self.epoch,
                "steps": self._steps,
                "best": self._best,
                "best_epoch": self._best_epoch,
                "factor": self._factor,
                "waited": self._waited,
            },
        }
        part = self._folder / "last.pt.part"
        try:
            if log.is_best:
                self._save_best(log)
            torch.save(state, part)
            part.replace(self._folder / "last.pt")
            with (self._folder / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(log)) + "\n")
        except OSError as error:
            raise UnavailableError(str(self._folder), str(error)) from error

    def _save_best(self, log: EpochLog) -> None:
        facts = CheckpointFacts(
            name=self._recipe.model.name,
            version=f"{self._folder.name}-{log.epoch}",
            trained=True,
            preprocessing=Preprocessing.of(self._recipe.model),
            training=training_text(
                {
                    "recipe": json.loads(recipe_text(self._recipe)),
                    "epoch": log.epoch,
                    "dev": asdict(log.dev),
                }
            ),
        )
        save(self._folder / "best.safetensors", self._kept, facts)

    def _has_begun(self) -> bool:
        return (self._folder / "last.pt").exists()

    def _resume(self) -> None:
        if not self._has_begun():
            return
        path = self._folder / "last.pt"
        try:
            state: dict[str, Any] = torch.load(path, weights_only=True)
        except Exception as error:
            raise CheckpointError(str(path), f"cannot be resumed: {error}") from error
        if state["recipe"] != recipe_text(self._recipe):
            raise CheckpointError(str(path), "is of another recipe: take another output folder")
        self._model.load_state_dict(state["model"])
        self._kept.load_state_dict(state["kept"])
        self._optimiser.load_state_dict(state["optimiser"])
        progress = state["progress"]
        self.epoch, self._steps = progress["epoch"], progress["steps"]
        self._best, self._best_epoch = progress["best"], progress["best_epoch"]
        self._factor, self._waited = progress["factor"], progress["waited"]


def recipe_text(recipe: Recipe) -> str:
    """A recipe as one line of JSON; equal recipes give equal texts."""
    values = {
        "model": {"name": recipe.model.name, **recipe.model.to_dict()},
        "data": asdict(recipe.data),
        "fit": asdict(recipe.fit),
    }
    return json.dumps(values, sort_keys=True)


def _schedule(fit: FitRecipe, epoch: float) -> float:
    """Share of the learning rate at a moment, in epochs: linear warm-up, then flat or a cosine."""
    if epoch < fit.warm_up_epochs:
        return (epoch + 1 / 50) / (fit.warm_up_epochs + 1 / 50)
    if fit.schedule == "plateau":
        return 1.0
    rest = max(1, fit.epochs - fit.warm_up_epochs)
    return 0.5 + 0.5 * math.cos(math.pi * min(1.0, (epoch - fit.warm_up_epochs) / rest))


def _follow(kept: Model, model: Model, decay: float) -> None:
    """Move the running mean of the weights a step; statistics of batch norms are means already."""
    with torch.no_grad():
        for mean, latest in zip(kept.parameters(), model.parameters(), strict=True):
            mean.lerp_(latest, 1.0 - decay)
        for statistic, newer in zip(kept.buffers(), model.buffers(), strict=True):
            statistic.copy_(newer)


def _tensors(inputs: ModelInput) -> list[Tensor]:
    arrays = [inputs.samples] if inputs.amplitude is None else [inputs.samples, inputs.amplitude]
    return [torch.from_numpy(array) for array in arrays]

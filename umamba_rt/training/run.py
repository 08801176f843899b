"""A recipe's data, sampler and trainer put together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from umamba_rt.training.folder import make_folder
from umamba_rt.training.recipe import DataRecipe, Recipe
from umamba_rt.training.record import LabelledRecord
from umamba_rt.training.sampler import Sampler
from umamba_rt.training.seisbench_format import SeisBenchDataset
from umamba_rt.training.selection import DevSet
from umamba_rt.training.synthetic_pool import make_pool, noise_library
from umamba_rt.training.trainer import Trainer


def make_trainer(recipe: Recipe, folder: Path, cache: Path, *, workers: int = 0) -> Trainer:
    """Read and make everything that a run needs.

    Args:
        recipe: of the run.
        folder: where its log and weights go.
        cache: where synthetic records are kept.
        workers: processes that make them; 0: as many as cores.

    Raises:
        UnavailableError: a folder cannot be read or written.
        ConfigError: a data set is not usable.
        CheckpointError: see `Trainer`.
    """
    make_folder(folder)
    train = chosen(records_of(recipe.data.real, "train"), recipe.data)
    dev = chosen(records_of(recipe.data.real, "dev"), recipe.data)
    synthetic: Sequence[LabelledRecord] = ()
    if recipe.data.synthetic_count:
        library = noise_library(train)
        count, seed = recipe.data.synthetic_count, recipe.data.synthetic_seed
        synthetic = make_pool(cache, count, seed, library, workers=workers)
    norm, amplitude = recipe.model.norm, recipe.model.amplitude_features
    sampler = Sampler(train, synthetic, recipe.data, norm=norm, amplitude=amplitude)
    return Trainer(recipe, sampler, DevSet(dev, norm=norm, amplitude=amplitude), folder)


def records_of(folders: Sequence[str], split: str) -> list[LabelledRecord]:
    """All records of a split of several data sets, in memory."""
    return [record for folder in folders for record in SeisBenchDataset(Path(folder)).select(split)]


def chosen(records: Sequence[LabelledRecord], data: DataRecipe) -> list[LabelledRecord]:
    """Without what the recipe leaves out; noise has no magnitude, and stays."""
    return [
        record
        for record in records
        if record.part not in data.leave_out
        and (record.is_noise or data.lowest_magnitude <= record.magnitude <= data.highest_magnitude)
    ]

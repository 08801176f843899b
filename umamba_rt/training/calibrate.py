"""A checkpoint that states its uncertainty: the law of its errors, fitted and written into it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import reduce
from pathlib import Path

from umamba_rt.errors import ConfigError, ConfigProblem
from umamba_rt.models.checkpoint import save
from umamba_rt.models.facts import training_text
from umamba_rt.models.loading import load_checkpoint
from umamba_rt.training.error_fit import ErrorFit, errors_of, fit_errors, joined
from umamba_rt.training.predict import load_predict
from umamba_rt.training.seisbench_format import SeisBenchDataset
from umamba_rt.training.split import SPLITS


def calibrate(path: Path, held_out: Sequence[tuple[Path, str]]) -> ErrorFit:
    """Fit the law of a checkpoint's errors, and write it into the file.

    The caller vouches that the earthquakes took no part in the training. Those that chose the best
    epoch may stand in: one choice among dozens fits little.

    Args:
        path: of a checkpoint in our format or the earlier one; ours is what is written.
        held_out: data sets, and the split of each, or ``all``.

    Raises:
        UnavailableError: a file cannot be read or written.
        CheckpointError: the file is no checkpoint.
        ConfigError: a split is none, or there are too few earthquakes.
    """
    for folder, split in held_out:
        if split not in (*SPLITS, "all"):
            problem = ConfigProblem(str(folder), repr(split), ", ".join((*SPLITS, "all")))
            raise ConfigError("--held-out", (problem,))
    predict, _ = load_predict(path)
    checkpoint = load_checkpoint(path)
    sets = [SeisBenchDataset(folder).select(split) for folder, split in held_out]
    errors = reduce(joined, (errors_of(records, predict) for records in sets))
    try:
        fit = fit_errors(errors)
    except ValueError as error:
        problem = ConfigProblem("--held-out", str(error), "more data")
        raise ConfigError("calibrate", (problem,)) from error
    about = {
        "held_out": [f"{folder.name}:{split}" for folder, split in held_out],
        **{key: value for key, value in asdict(fit).items() if key != "model"},
    }
    training = json.loads(checkpoint.facts.training) | {"errors": about}
    facts = replace(checkpoint.facts, errors=fit.model, training=training_text(training))
    save(path, checkpoint.model, facts)
    return fit

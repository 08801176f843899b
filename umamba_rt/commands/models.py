"""``umamba-rt models``: what a checkpoint holds, and old ones in the package's own format."""

from __future__ import annotations

from pathlib import Path

from umamba_rt.core.estimate import ModelName
from umamba_rt.errors import UnavailableError
from umamba_rt.models.checkpoint import save
from umamba_rt.models.loading import load_checkpoint
from umamba_rt.models.seeded import untrained
from umamba_rt.models.shipped import shipped
from umamba_rt.models.state import Model
from umamba_rt.models.summary import summarise


def info(path: Path | None) -> int:
    """Print a checkpoint's facts; returns 0.

    Args:
        path: the file; None: the package's own V2.

    Raises:
        UnavailableError: the file cannot be read, or the package comes without weights.
        CheckpointError: it is no checkpoint.
    """
    path = path or shipped("v2")
    if path is None:
        raise UnavailableError("models info", "this package comes without weights: name a file")
    checkpoint = load_checkpoint(path)
    print(f"{path}")
    _print_model(checkpoint.model)
    if checkpoint.facts.training != "{}":
        print(f"  training        {checkpoint.facts.training}")
    return 0


def info_untrained(name: ModelName, seed: int) -> int:
    """Print the facts of the random weights that stand in where no checkpoint is configured."""
    print(f"random weights, seed {seed}")
    _print_model(untrained(name, seed))
    return 0


def convert(source: Path, target: Path) -> int:
    """Write a checkpoint of either format as safetensors; returns 0.

    Raises:
        UnavailableError: a file cannot be read or written.
        CheckpointError: the source is no checkpoint.
    """
    checkpoint = load_checkpoint(source)
    sha256 = save(target, checkpoint.model, checkpoint.facts)
    print(f"{target}: {checkpoint.facts.name}, sha256 {sha256}")
    return 0


def _print_model(model: Model) -> None:
    summary, config, identity = summarise(model), model.config, model.identity
    if identity is not None:
        print(f"  model           {identity.name}, version {identity.version}")
        print(f"  sha256          {identity.sha256}")
        trained = "yes" if identity.trained else "NO: its numbers are no magnitudes"
        print(f"  trained         {trained}")
    print(
        f"  input           (B, {config.in_channels}, {config.in_samples}), Z N E, "
        f"{config.sampling_rate:g} Hz, norm {config.norm}"
        f"{', and amplitude features' if config.amplitude_features else ''}"
    )
    print(f"  parameters      {summary.parameters:,}")
    for name, count in summary.blocks:
        print(f"    {name:<28} {count:>9,}")
    lengths = " -> ".join(str(length) for length in summary.map_lengths)
    print(f"  map lengths     {lengths} (stride {summary.stride})")
    seconds = summary.receptive_field / config.sampling_rate
    print(
        f"  convolutions    see {summary.receptive_field} samples ({seconds:.2f} s); "
        "a Mamba layer sees all that came before"
    )

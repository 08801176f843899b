"""The weights that come with the package."""

from __future__ import annotations

from pathlib import Path

from umamba_rt.core.estimate import ModelName

_FOLDER = Path(__file__).parent / "weights"


def shipped(name: ModelName) -> Path | None:
    """The file of a model's weights; None where the package has none."""
    path = _FOLDER / f"{name}.safetensors"
    return path if path.exists() else None

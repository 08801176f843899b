"""Where the weights of a SeisBench model come from: checkpoint files and the package itself."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import seisbench.models
import torch

from umamba_rt.core.estimate import ModelIdentity, ModelName
from umamba_rt.errors import CheckpointError, UnavailableError
from umamba_rt.models.loading import load_checkpoint
from umamba_rt.models.shipped import shipped

SHIPPED = "shipped"


class PackagedWeights(seisbench.models.WaveformModel):  # type: ignore[misc]  # it has no types
    """A SeisBench model that loads this package's checkpoints and downloads nothing.

    Attributes:
        architecture: which of the two models.
        identity: which weights these are; None until they are loaded.
    """

    architecture: ClassVar[ModelName]
    identity: ModelIdentity | None

    @classmethod
    def from_checkpoint(cls, path: Path | str) -> Self:
        """Read weights from a checkpoint file of either format, in eval mode.

        Raises:
            UnavailableError: the file cannot be read.
            CheckpointError: it is damaged, or holds the other model.
        """
        checkpoint = load_checkpoint(path)
        found = checkpoint.model.config
        if found.name != cls.architecture:
            raise CheckpointError(str(path), f"holds {found.name}, expected {cls.architecture}")
        with torch.device("meta"):  # no memory, and no random number is drawn
            model = cls(**found.to_dict())
        model.load_state_dict(checkpoint.model.state_dict(), assign=True)
        model.identity = checkpoint.identity
        model._weights_version = checkpoint.identity.version
        model._weights_docstring = checkpoint.facts.training
        model.eval()
        return model

    @classmethod
    def from_pretrained(cls, name: str = SHIPPED) -> Self:
        """Read the weights that come with the package; nothing is downloaded.

        Raises:
            UnavailableError: there are no weights of this name.
        """
        path = shipped(cls.architecture) if name == SHIPPED else None
        if path is None:
            there = ", ".join(cls.list_pretrained()) or "none"
            raise UnavailableError(name, f"no such weights of {cls.architecture}; there: {there}")
        return cls.from_checkpoint(path)

    @classmethod
    def list_pretrained(
        cls,
        details: bool = False,
        remote: bool = False,  # noqa: ARG003  # SeisBench's signature; nothing is remote
    ) -> list[str] | dict[str, str]:
        """Names of the weights that come with the package; with ``details`` how each was made."""
        path = shipped(cls.architecture)
        if path is None:
            return {} if details else []
        return {SHIPPED: load_checkpoint(path).facts.training} if details else [SHIPPED]

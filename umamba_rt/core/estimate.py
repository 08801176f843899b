"""What a model says of a window, and which model said it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Float32Array: TypeAlias = NDArray[np.float32]
ModelName: TypeAlias = Literal["v1", "v2"]


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which weights made a number.

    Attributes:
        name: ``v1`` or ``v2``.
        version: the checkpoint's own version text.
        sha256: of the checkpoint file, or of the seeded weights' safetensors bytes; hex.
        trained: False for seeded random weights, whose numbers are no magnitudes.
        engine: the backend that runs them; empty where none does.
    """

    name: ModelName
    version: str
    sha256: str
    trained: bool
    engine: str = ""


@dataclass(frozen=True, slots=True)
class BatchOutput:
    """A model's answer to a batch of B windows.

    Attributes:
        magnitude: shape ``(B,)``, magnitude units.
        evolution: V1 only: shape ``(B, n)``, the estimate at each input sample; else None.
        spread: shape ``(B,)``, how far the parts that the answer is made of disagree, magnitude
            units: V2's hidden units (`umamba_rt.models.head_spread`), the samples of V1's curve.
            None where the engine does not tell.
        uncertainty: shape ``(B,)``, one sigma, magnitude units; None where none is stated.
    """

    magnitude: Float32Array
    evolution: Float32Array | None
    spread: Float32Array | None = None
    uncertainty: Float32Array | None = None

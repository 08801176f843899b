"""What every engine makes of the numbers that its model returns."""

from __future__ import annotations

from umamba_rt.core.estimate import BatchOutput, Float32Array
from umamba_rt.models.config import ModelConfig, Readout, V1Config
from umamba_rt.models.readout import magnitude_of


def width_of(config: ModelConfig) -> int:
    """Numbers that a model returns for a window: V2 magnitude and spread, V1 its curve."""
    return config.in_samples if isinstance(config, V1Config) else 2


def output_of(values: Float32Array, readout: Readout | None) -> BatchOutput:
    """Put them in their places.

    Args:
        values: shape ``(B, width)``, see ``width_of``.
        readout: of V1; None for V2.
    """
    if readout is None:
        return BatchOutput(values[:, 0], None, spread=values[:, 1])
    return BatchOutput(magnitude_of(values, readout), values, spread=values.std(axis=1))

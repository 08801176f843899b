"""What ``models info`` says of a model: where its parameters are and what it sees."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from umamba_rt.models.config import UMambaConfig
from umamba_rt.models.state import Model


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """Sizes of a model.

    Attributes:
        blocks: name and parameter count of each part, in the order of the data; they add up.
        parameters: all of them.
        map_lengths: samples after the stem and after each stage.
        stride: samples of the input for each of the last map.
        receptive_field: samples of the input that the convolutions of one sample of the last map
            reach. A Mamba layer on patch tokens adds everything before.
        channel_tokens: for each stage, whether its Mamba layer takes channels as tokens; None
            where there is no such layer.
    """

    blocks: tuple[tuple[str, int], ...]
    parameters: int
    map_lengths: tuple[int, ...]
    stride: int
    receptive_field: int
    channel_tokens: tuple[bool | None, ...]


def count_parameters(module: nn.Module) -> int:
    """Count parameters, one that is shared once; batch norm's running statistics are none."""
    return sum(parameter.numel() for parameter in module.parameters())


def summarise(model: Model) -> ModelSummary:
    """Count and measure a model."""
    encoder = model.encoder
    parts: list[tuple[str, nn.Module]] = [("encoder.stem", encoder.stem)]
    for s, (stage, layer) in enumerate(zip(encoder.stages, encoder.mamba_layers, strict=True)):
        parts += [(f"encoder.stages.{s}", stage), (f"encoder.mamba_layers.{s}", layer)]
    rest = [(key, child) for key, child in model.named_children() if key != "encoder"]
    for key, child in rest:
        inner = [(f"{key}.{name}", part) for name, part in child.named_children()]
        parts += inner if key == "decoder" else [(key, child)]
    counts = [(name, count_parameters(part)) for name, part in parts]
    stride, field = _reach(model.config)
    tokens = [getattr(layer, "channel_token", None) for layer in encoder.mamba_layers]
    return ModelSummary(
        tuple((name, count) for name, count in counts if count),
        count_parameters(model),
        model.config.map_lengths(),
        stride,
        field,
        tuple(tokens),
    )


def _reach(config: UMambaConfig) -> tuple[int, int]:
    """Total stride and receptive field, both in samples of the input."""
    wider = config.kernel_size - 1
    stride, field = 1, 1 + 2 * wider  # the stem's two convolutions
    for step, blocks in zip(config.strides, config.n_blocks_per_stage, strict=True):
        field += wider * stride
        stride *= step
        field += wider * stride * (2 * blocks - 1)
    return stride, field

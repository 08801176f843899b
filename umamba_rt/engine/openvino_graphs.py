"""The two models as chains of OpenVINO graphs, cut where a selective scan lies.

A graph takes one window. Larger batches win nothing: V2 takes 0.75 ms a window alone, 0.67-0.77 in
batches of 2 to 8 (one AVX-512 core), and this way a window's numbers are the same to the last bit
whatever it is batched with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from umamba_rt.core.amplitude import N_AMPLITUDE
from umamba_rt.engine.openvino_blocks import (
    constant,
    convolution,
    leaky,
    linear,
    regression_head,
    residual_block,
    residual_stage,
    upsampled,
)
from umamba_rt.engine.openvino_library import Model, Node, opset13
from umamba_rt.engine.openvino_mamba import MambaNodes, Scan, mamba_nodes
from umamba_rt.engine.weights import TensorReader, Weights
from umamba_rt.models.config import ModelConfig, V1Config, V2Config

WINDOW, AMPLITUDE, VALUES = "window", "amplitude", "values"


@dataclass(frozen=True, slots=True)
class Segment:
    """A graph and the scan behind it.

    Attributes:
        graph: its inputs and outputs carry names; equal names of two graphs are one array.
        scan: constants of the scan that takes ``u``, ``delta``, ``gate`` and ``bc`` of this graph;
            None for the last.
        output: name of what the scan gives, an input of the next graph.
    """

    graph: Model
    scan: Scan | None
    output: str


Chain: TypeAlias = list[Segment]


def chain_of(weights: Weights) -> Chain:
    """The graphs of a model, in their order; the last gives ``values``.

    Raises:
        UnsuitableError: the tensors do not fit the config.
    """
    tensors = TensorReader(weights.tensors)
    builder = _Builder()
    if isinstance(weights.config, V1Config):
        values = _v1(builder, tensors, weights.config)
    else:
        values = _v2(builder, tensors, weights.config)
    tensors.finish()
    return builder.finished(values)


class _Builder:
    """Makes graphs one after the other; a map of an earlier one may be asked for in a later one."""

    def __init__(self) -> None:
        self._segments: Chain = []
        self._inputs: dict[str, Node] = {}
        self._maps: dict[str, Node] = {}  # of the graph at work
        self._shapes: dict[str, tuple[int, int]] = {}  # of all

    def input(self, name: str, *shape: int) -> Node:
        """An input of the graph at work, for one window."""
        if name not in self._inputs:
            self._inputs[name] = opset13.parameter([1, *shape], np.float32)
        return self._inputs[name]

    def keep(self, name: str, node: Node, channels: int, length: int) -> None:
        """Remember a map for later."""
        self._maps[name], self._shapes[name] = node, (channels, length)

    def map(self, name: str) -> Node:
        """A map that was kept, here or in an earlier graph."""
        return self._maps.get(name) or self.input(name, *self._shapes[name])

    def cut(self, layer: MambaNodes) -> Node:
        """End the graph at work before the scan of ``layer``; gives the scan's output."""
        name = f"y{len(self._segments)}"
        self._end({**layer.before, **self._maps}, layer.scan, name)
        return self.input(name, layer.scan.tokens, layer.scan.width)

    def finished(self, values: Node) -> Chain:
        """End the last graph."""
        self._end({VALUES: values}, None, VALUES)
        return self._segments

    def _end(self, outputs: Mapping[str, Node], scan: Scan | None, output: str) -> None:
        for name, node in (*outputs.items(), *self._inputs.items()):
            node.output(0).get_tensor().set_names({name})
        model = Model(list(outputs.values()), list(self._inputs.values()))
        self._segments.append(Segment(model, scan, output))
        self._inputs, self._maps = {}, {}


def _encoder(
    builder: _Builder, tensors: TensorReader, config: ModelConfig, *, keep: bool
) -> tuple[MambaNodes, Node]:
    """The last layer, and what its scan gives, in the graph behind that.

    With ``keep`` the maps before are kept as ``map0``, the stem's, and so on.
    """
    widths, lengths = config.features_per_stage, config.map_lengths()
    x = builder.input(WINDOW, config.in_channels, config.in_samples)
    first, kernel = (config.in_channels, widths[0]), config.kernel_size
    x = residual_block(tensors.part("stem"), x, first, kernel=kernel, stride=1, bare=False)
    if keep:
        builder.keep("map0", x, widths[0], lengths[0])
    for s, width in enumerate(widths):
        x = residual_stage(
            tensors.part(f"stages.{s}"),
            x,
            (widths[max(s - 1, 0)], width),
            kernel=kernel,
            stride=config.strides[s],
            n_blocks=config.n_blocks_per_stage[s],
        )
        if s % 2 != config.n_stages % 2:
            layer = mamba_nodes(tensors.part(f"mamba_layers.{s}"), x, width, lengths[s + 1])
            y = builder.cut(layer)
            if s == config.n_stages - 1:
                return layer, y
            x = layer.after(y)
        if keep:
            builder.keep(f"map{s + 1}", x, width, lengths[s + 1])
    raise AssertionError("the last stage always has a layer")


def _v2(builder: _Builder, tensors: TensorReader, config: V2Config) -> Node:
    layer, y = _encoder(builder, tensors.part("encoder"), config, keep=False)
    if config.pooling_type == "avg":
        x = layer.mean(y)
    else:
        x = opset13.reduce_max(layer.after(y), [2], False)
    width = config.features_per_stage[-1]
    if config.amplitude_features:
        x = opset13.concat([x, builder.input(AMPLITUDE, N_AMPLITUDE)], 1)
        width += N_AMPLITUDE
    return regression_head(tensors.part("regression_head"), x, (width, *config.hidden_dims))


def _v1(builder: _Builder, tensors: TensorReader, config: V1Config) -> Node:
    layer, y = _encoder(builder, tensors.part("encoder"), config, keep=True)
    x = layer.after(y)
    if config.amplitude_features:
        x = opset13.add(x, _levels(builder, tensors.part("amplitude"), config))
    curve = _decoder(builder, tensors.part("decoder"), x, config)
    return opset13.reshape(curve, [1, -1], False)


def _levels(builder: _Builder, tensors: TensorReader, config: V1Config) -> Node:
    """What the amplitude features add to the coarsest map, at all times alike."""
    width = config.features_per_stage[-1]
    x = builder.input(AMPLITUDE, N_AMPLITUDE)
    for name, inside, outside in (("0", N_AMPLITUDE, 2 * width), ("2", 2 * width, width)):
        part = tensors.part(name)
        x = linear(x, part.take("weight", outside, inside), part.take("bias", outside))
        x = leaky(x) if name == "0" else x
    return opset13.reshape(x, [1, width, 1], False)


def _decoder(builder: _Builder, tensors: TensorReader, x: Node, config: V1Config) -> Node:
    """`umamba_rt.models.decoder.UMambaDecoder` down to the curve, shape ``(1, 1, in_samples)``."""
    widths = (config.features_per_stage[0], *config.features_per_stage)
    lengths, count = config.map_lengths(), config.n_decoder_stages
    length = lengths[-1]
    for s in range(count):
        finer = config.n_stages - s - 1
        joins = config.stem_skip or s < count - 1
        factor = config.strides[finer]
        surplus = factor * length - lengths[finer] if joins else 0
        cut = surplus // 2, surplus - surplus // 2
        mixed = (widths[finer + 1], widths[finer])
        x = upsampled(tensors.part(f"upsample_layers.{s}"), x, mixed, factor, cut)
        length = factor * length - surplus
        if joins:
            x = opset13.concat([x, builder.map(f"map{finer}")], 1)
        x = residual_stage(
            tensors.part(f"stages.{s}"),
            x,
            (2 * widths[finer] if joins else widths[finer], widths[finer]),
            kernel=config.kernel_size,
            stride=1,
            n_blocks=config.n_conv_per_stage_decoder[s],
        )
    for s in range(count - 1):
        for name in ("weight", "bias"):  # heads of deep supervision
            tensors.skip(f"seg_layers.{s}.{name}")
    head = tensors.part(f"seg_layers.{count - 1}")
    curve = convolution(x, head.take("weight", 1, widths[finer], 1), head.take("bias", 1))
    return _stretched(curve, length, config.in_samples)


def _stretched(curve: Node, length: int, wanted: int) -> Node:
    """Linear interpolation as in torch without ``align_corners``, in float32 like there."""
    if length == wanted:
        return curve
    scale, half = np.float32(length) / np.float32(wanted), np.float32(0.5)
    place = np.maximum(scale * (np.arange(wanted, dtype=np.float32) + half) - half, np.float32(0))
    left = place.astype(np.int64)
    right = np.minimum(left + 1, length - 1)
    share = place - left.astype(np.float32)
    axis = opset13.constant(np.int64(2))
    before, behind = (
        opset13.gather(curve, opset13.constant(index), axis) for index in (left, right)
    )
    return opset13.add(
        opset13.multiply(before, constant(1 - share)), opset13.multiply(behind, constant(share))
    )

"""The Mamba layer around its scan as OpenVINO nodes: what comes before it and what comes after.

The scan itself is no operator of OpenVINO; `umamba_rt.engine.scan_lanes` runs it, with the softplus
of the step sizes and the gate. OpenVINO's softplus is off by 1e-6: 2 % of a step of 4e-5, which
made estimates differ from ``models/`` by 2e-4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from umamba_rt.core.estimate import Float32Array
from umamba_rt.engine.openvino_blocks import Array, constant, linear
from umamba_rt.engine.openvino_library import Node, opset13
from umamba_rt.engine.scan_lanes import LANES, LOG2_E, STATES
from umamba_rt.engine.weights import TensorReader

_TAPS, _EXPAND, _RANK_SHARE = 4, 2, 16
_LAYER_NORM_EPSILON = 1e-5


@dataclass(frozen=True, slots=True)
class Scan:
    """What the scan needs besides the arrays of a window.

    Attributes:
        rates: shape ``(D / LANES, 16, LANES)``, decays of the states times log2(e), 1/step.
        direct: shape ``(D / LANES, LANES)``.
        tokens: number of tokens.
        width: D, inner channels, a multiple of LANES.
    """

    rates: Float32Array
    direct: Float32Array
    tokens: int
    width: int


@dataclass(frozen=True, slots=True)
class MambaNodes:
    """A layer cut in two at its scan.

    Attributes:
        before: the scan's inputs: ``u``, ``delta`` before its softplus, ``gate`` before its SiLU,
            each of shape ``(1, tokens, D)``; ``bc`` of shape ``(1, tokens, 32)``.
        scan: its constants.
        projection: weight of ``out_proj``, shape ``(dim, D)``.
        channel_token: tokens are the channels of the map.
    """

    before: dict[str, Node]
    scan: Scan
    projection: Float32Array
    channel_token: bool

    def after(self, y: Node) -> Node:
        """The map, of the scan's output of shape ``(1, tokens, D)``."""
        tokens = linear(y, self.projection)
        return tokens if self.channel_token else opset13.transpose(tokens, [0, 2, 1])

    def mean(self, y: Node) -> Node:
        """The map's mean over time: a mean of tokens needs one projection instead of each."""
        if self.channel_token:
            return opset13.reduce_mean(self.after(y), [2], False)
        return linear(opset13.reduce_mean(y, [1], False), self.projection)


def mamba_nodes(tensors: TensorReader, x: Node, channels: int, length: int) -> MambaNodes:
    """`umamba_rt.models.mamba_layer.MambaLayer` behind a map of shape ``(1, channels, length)``."""
    channel_token = length <= channels
    dim, tokens = (length, channels) if channel_token else (channels, length)
    mamba, inner, rank = tensors.part("mamba"), _EXPAND * dim, -(-dim // _RANK_SHARE)
    if not channel_token:
        x = opset13.transpose(x, [0, 2, 1])
    x = opset13.mvn(x, [2], True, _LAYER_NORM_EPSILON, "inside_sqrt")
    u, gate = _entry(tensors, x, dim)
    u = _mixed(mamba.part("conv1d"), u, inner)
    weight = _padded(mamba.take("x_proj.weight", rank + 2 * STATES, inner), 1)
    steps, bc = linear(u, weight[:rank]), linear(u, weight[rank:])
    to_delta = mamba.take("dt_proj.weight", inner, rank), mamba.take("dt_proj.bias", inner)
    delta = linear(steps, *(_padded(values, 0) for values in to_delta))
    return MambaNodes(
        {"u": u, "delta": delta, "gate": gate, "bc": bc},
        _scan(mamba, tokens, inner),
        _padded(mamba.take("out_proj.weight", dim, inner), 1),
        channel_token,
    )


def _entry(tensors: TensorReader, x: Node, dim: int) -> tuple[Node, Node]:
    """Both halves of ``in_proj``, with the layer norm's scale and offset taken in."""
    scale, offset = (tensors.take(f"norm.{name}", dim) for name in ("weight", "bias"))
    weight = tensors.take("mamba.in_proj.weight", 2 * _EXPAND * dim, dim).astype(np.float64)
    halves = [
        linear(x, _padded(half * scale, 0), _padded(half @ offset, 0))
        for half in np.split(weight, 2)
    ]
    return halves[0], halves[1]


def _mixed(tensors: TensorReader, u: Node, inner: int) -> Node:
    """The causal depthwise convolution and its SiLU; tokens first before and after."""
    weight = _padded(tensors.take("weight", inner, 1, _TAPS), 0)
    bias = _padded(tensors.take("bias", inner), 0).reshape(1, -1, 1)
    x = opset13.transpose(u, [0, 2, 1])
    x = opset13.group_convolution(x, constant(weight[:, None]), [1], [_TAPS - 1], [0], [1])
    return opset13.transpose(opset13.swish(opset13.add(x, constant(bias))), [0, 2, 1])


def _scan(mamba: TensorReader, tokens: int, inner: int) -> Scan:
    rates = -np.exp(mamba.take("A_log", inner, STATES).astype(np.float64)) * LOG2_E
    direct = _padded(mamba.take("D", inner), 0)
    # Lanes of channels innermost, a vector for each state.
    blocks = _padded(rates, 0).reshape(-1, LANES, STATES).transpose(0, 2, 1)
    return Scan(
        np.ascontiguousarray(blocks, dtype=np.float32),
        direct.reshape(-1, LANES),
        tokens,
        len(direct),
    )


def _padded(values: Array, axis: int) -> Float32Array:
    """Zeros behind the inner channels up to whole vectors; what they compute reaches nothing."""
    missing = -values.shape[axis] % LANES
    sides = [(0, missing if k == axis else 0) for k in range(values.ndim)]
    return np.pad(values, sides).astype(np.float32)

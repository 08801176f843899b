"""The convolutional blocks of the models as OpenVINO nodes, batch norms folded in."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from umamba_rt.core.estimate import Float32Array
from umamba_rt.engine.openvino_library import Node, opset13
from umamba_rt.engine.weights import TensorReader
from umamba_rt.models.dropout import LEAK, LEAST, LOGISTIC, NOISE

# openvino's own stubs leave the operators' arguments to any array.
Array: TypeAlias = NDArray[np.floating]

_BATCH_NORM_EPSILON = 1e-5


def constant(values: Array) -> Node:
    """A float32 constant."""
    return opset13.constant(np.ascontiguousarray(values, dtype=np.float32))


def leaky(x: Node) -> Node:
    """LeakyReLU as torch has it by default."""
    return opset13.prelu(x, constant(np.array([LEAK])))


def linear(x: Node, weight: Array, bias: Array | None = None) -> Node:
    """``x @ weight.T + bias`` over the last axis."""
    y = opset13.matmul(x, constant(weight), False, True)
    return y if bias is None else opset13.add(y, constant(bias))


def convolution(x: Node, weight: Array, bias: Array, stride: int = 1) -> Node:
    """A convolution with half the kernel as padding."""
    half = weight.shape[2] // 2
    y = opset13.convolution(x, constant(weight), [stride], [half], [half], [1])
    return opset13.add(y, constant(bias.reshape(1, -1, 1)))


def residual_block(
    tensors: TensorReader, x: Node, widths: tuple[int, int], *, kernel: int, stride: int, bare: bool
) -> Node:
    """`umamba_rt.models.blocks.BasicResBlock`.

    Args:
        tensors: of the block.
        x: shape ``(1, in, L)``.
        widths: channels in and out.
        kernel: of both convolutions.
        stride: of the first.
        bare: no convolution on the shortcut.
    """
    inside, outside = widths
    weight, bias = _folded(tensors, "1", (outside, inside, kernel))
    y = leaky(convolution(x, weight, bias, stride))
    weight, bias = _folded(tensors, "2", (outside, outside, kernel))
    y = convolution(y, weight, bias)
    shortcut = x if bare else _pointwise(tensors.part("conv3"), x, widths, stride)
    return leaky(opset13.add(y, shortcut))


def regression_head(tensors: TensorReader, x: Node, widths: tuple[int, ...]) -> Node:
    """`umamba_rt.models.head_spread.answer_and_spread`.

    Args:
        tensors: of the head.
        x: shape ``(1, widths[0])``.
        widths: of what goes in, and of the hidden layers.
    """
    levels: list[Node] = []
    hidden: list[Node] = []
    weights: list[Array] = []
    for k, width in enumerate((*widths[1:], 1)):
        part = tensors.part(str(3 * k))
        weights.append(part.take("weight", width, widths[k]))
        x = linear(x, weights[-1], part.take("bias", width))
        if k < len(widths) - 1:
            levels.append(x)
            x = leaky(x)
            hidden.append(x)
    squares, weight = constant(np.zeros((1, 1))), constant(weights[-1])
    for k in reversed(range(len(hidden))):
        squares = opset13.add(squares, _summed_squares(opset13.multiply(weight, hidden[k])))
        if k:
            slope = _mean_slope(levels[k], hidden[k - 1], weights[k])
            sloped = opset13.multiply(weight, slope)
            weight = opset13.matmul(sloped, constant(weights[k]), False, False)
    spread = opset13.multiply(opset13.sqrt(squares), constant(np.array([NOISE])))
    return opset13.concat([x, spread], 1)


def _summed_squares(x: Node) -> Node:
    return opset13.reduce_sum(opset13.multiply(x, x), [1], True)


def _mean_slope(level: Node, below: Node, weight: Array) -> Node:
    """`umamba_rt.models.head_spread` has the same."""
    variance = linear(opset13.multiply(below, below), weight**2)
    noise = opset13.multiply(opset13.sqrt(variance), constant(np.array([NOISE])))
    ratio = opset13.divide(level, opset13.maximum(noise, constant(np.array([LEAST]))))
    rising = opset13.sigmoid(opset13.multiply(ratio, constant(np.array([LOGISTIC]))))
    part = opset13.multiply(rising, constant(np.array([1 - LEAK])))
    return opset13.add(part, constant(np.array([LEAK])))


def residual_stage(
    tensors: TensorReader,
    x: Node,
    widths: tuple[int, int],
    *,
    kernel: int,
    stride: int,
    n_blocks: int,
) -> Node:
    """`umamba_rt.models.blocks.res_stage`."""
    x = residual_block(tensors.part("0"), x, widths, kernel=kernel, stride=stride, bare=False)
    for k in range(1, n_blocks):
        same = (widths[1], widths[1])
        x = residual_block(tensors.part(str(k)), x, same, kernel=kernel, stride=1, bare=True)
    return x


def upsampled(
    tensors: TensorReader, x: Node, widths: tuple[int, int], factor: int, cut: tuple[int, int]
) -> Node:
    """`umamba_rt.models.blocks.UpsampleLayer`, then so many samples cut from both ends.

    A transposed convolution whose taps are all the same repeats each sample, and takes the mixing
    of the channels along: one operator, and no map in between.
    """
    weight = tensors.take("conv.weight", widths[1], widths[0], 1)
    taps = np.repeat(weight.transpose(1, 0, 2), factor, axis=2)
    y = opset13.convolution_backprop_data(
        x,
        constant(taps),
        [factor],
        pads_begin=[cut[0]],
        pads_end=[cut[1]],
        dilations=[1],
    )
    bias = tensors.take("conv.bias", widths[1])
    return opset13.add(y, constant(bias.reshape(1, -1, 1)))


def _pointwise(tensors: TensorReader, x: Node, widths: tuple[int, int], stride: int) -> Node:
    weight = tensors.take("weight", widths[1], widths[0], 1)
    return convolution(x, weight, tensors.take("bias", widths[1]), stride)


def _folded(
    tensors: TensorReader, which: str, shape: tuple[int, int, int]
) -> tuple[Float32Array, Float32Array]:
    """Weight and bias of a convolution that has taken in the batch norm behind it."""
    conv, norm = tensors.part(f"conv{which}"), tensors.part(f"norm{which}")
    weight, bias = conv.take("weight", *shape), conv.take("bias", shape[0])
    scale, offset, mean, variance = (
        norm.take(name, shape[0]).astype(np.float64)
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    norm.skip("num_batches_tracked")
    factor = scale / np.sqrt(variance + _BATCH_NORM_EPSILON)
    folded = weight * factor[:, None, None], (bias - mean) * factor + offset
    return folded[0].astype(np.float32), folded[1].astype(np.float32)

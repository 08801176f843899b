"""The two models a second time, from the design's text alone: functions over a state dict.

Nothing of the package is imported. Everything is written out but convolutions: norms, scan, linear
interpolation; names and shapes of the tensors are listed here too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

State = dict[str, Tensor]


@dataclass(frozen=True)
class Net:
    """Sizes; ``decoder`` is ``none`` (V2), ``old`` (no stem skip) or ``new``."""

    decoder: str = "none"
    features: tuple[int, ...] = (8, 16, 32, 64)
    length: int = 3001
    stride: int = 2
    kernel: int = 7
    blocks: int = 2
    hidden: tuple[int, ...] = (128, 64)
    pooling: str = "avg"
    deep: bool = False

    @property
    def depth(self) -> int:
        return len(self.features) - (self.decoder == "old")


def _block(key: str, i: int, o: int, k: int, shortcut: bool) -> Iterator[tuple[str, list[int]]]:
    for n, width in ((1, i), (2, o)):
        yield f"{key}.conv{n}.weight", [o, width, k]
        for name in ("weight", "bias", "running_mean", "running_var"):
            yield f"{key}.norm{n}.{name}", [o]
        yield f"{key}.norm{n}.num_batches_tracked", []
        yield f"{key}.conv{n}.bias", [o]
    if shortcut:
        yield from ((f"{key}.conv3.weight", [o, i, 1]), (f"{key}.conv3.bias", [o]))


def _mamba(key: str, dim: int) -> Iterator[tuple[str, list[int]]]:
    yield from ((f"{key}.norm.weight", [dim]), (f"{key}.norm.bias", [dim]))
    inner, rank = 2 * dim, -(-dim // 16)
    shapes = {"in_proj.weight": [2 * inner, dim], "conv1d.weight": [inner, 1, 4]}
    shapes |= {"conv1d.bias": [inner], "x_proj.weight": [rank + 32, inner]}
    shapes |= {"dt_proj.weight": [inner, rank], "dt_proj.bias": [inner]}
    shapes |= {"A_log": [inner, 16], "D": [inner], "out_proj.weight": [dim, inner]}
    yield from ((f"{key}.mamba.{name}", shape) for name, shape in shapes.items())


def shapes_of(net: Net) -> Iterator[tuple[str, list[int]]]:
    """Every tensor of the net's state dict, without the decoder's copy of the encoder."""
    f, k, length = net.features, net.kernel, net.length
    yield from _block("encoder.stem", 3, f[0], k, True)
    for s, width in enumerate(f):
        length = (length - 1) // net.stride + 1
        for b in range(net.blocks):
            before = f[max(s - 1, 0)] if b == 0 else width
            yield from _block(f"encoder.stages.{s}.{b}", before, width, k, b == 0)
        if s % 2 != len(f) % 2:
            dim = min(length, width)
            yield from _mamba(f"encoder.mamba_layers.{s}", dim)
    if net.decoder == "none":
        for n, (i, o) in enumerate(zip((f[-1], *net.hidden), (*net.hidden, 1), strict=True)):
            yield f"regression_head.{3 * n}.weight", [o, i]
            yield f"regression_head.{3 * n}.bias", [o]
        return
    for s in range(net.depth):
        below, width = ([f[0], *f][::-1])[s : s + 2]
        joined = net.decoder == "new" or s < net.depth - 1
        yield f"decoder.upsample_layers.{s}.conv.weight", [width, below, 1]
        yield f"decoder.upsample_layers.{s}.conv.bias", [width]
        for b in range(2):
            before = 2 * width if joined and b == 0 else width
            yield from _block(f"decoder.stages.{s}.{b}", before, width, k, b == 0)
        if net.decoder == "old" or net.deep or s == net.depth - 1:
            yield f"decoder.seg_layers.{s}.weight", [1, width, 1]
            yield f"decoder.seg_layers.{s}.bias", [1]


def random_state(net: Net, seed: int = 0) -> State:
    """Tensors in which nothing is 0 or 1 by default: norms, statistics and biases count."""
    g, state = torch.Generator().manual_seed(seed), {}
    for key, shape in shapes_of(net):
        noise = torch.randn(shape, generator=g)
        if key.endswith("num_batches_tracked"):
            state[key] = torch.tensor(7)
        elif key.endswith("running_var") or (".norm" in key and key.endswith("weight")):
            state[key] = torch.rand(shape, generator=g) + 0.3
        elif key.endswith("A_log"):
            state[key] = torch.arange(1.0, 17.0).log() + 0.1 * noise
        elif len(shape) > 1:
            state[key] = noise / (shape[1] * (shape[2] if len(shape) > 2 else 1)) ** 0.5
        else:
            state[key] = 0.3 * noise + (1.0 if key.endswith(".D") else 0.0)
    return state


def _leaky(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.01 * x)


def _batch_norm(w: State, key: str, x: Tensor, training: bool) -> Tensor:
    mean, var = w[f"{key}.running_mean"], w[f"{key}.running_var"]
    if training:
        mean, var = x.mean((0, 2)), x.var((0, 2), unbiased=False)
    y = (x - mean[:, None]) / (var[:, None] + 1e-5).sqrt()
    return y * w[f"{key}.weight"][:, None] + w[f"{key}.bias"][:, None]


def _conv(w: State, key: str, x: Tensor, stride: int = 1) -> Tensor:
    weight = w[f"{key}.weight"]
    return functional.conv1d(x, weight, w[f"{key}.bias"], stride, weight.shape[2] // 2)


def _res_block(w: State, key: str, x: Tensor, stride: int, training: bool) -> Tensor:
    y = _leaky(_batch_norm(w, f"{key}.norm1", _conv(w, f"{key}.conv1", x, stride), training))
    y = _batch_norm(w, f"{key}.norm2", _conv(w, f"{key}.conv2", y), training)
    return _leaky(y + (_conv(w, f"{key}.conv3", x, stride) if f"{key}.conv3.bias" in w else x))


def _mamba_layer(w: State, key: str, tokens: Tensor) -> Tensor:
    """LayerNorm and Mamba's slow path over ``(B, L, dim)``."""
    spread = tokens.var(-1, unbiased=False, keepdim=True)
    h = (tokens - tokens.mean(-1, keepdim=True)) / (spread + 1e-5).sqrt()
    h = h * w[f"{key}.norm.weight"] + w[f"{key}.norm.bias"]
    m = {name.removeprefix(f"{key}.mamba."): t for name, t in w.items() if name.startswith(key)}
    x, z = (h @ m["in_proj.weight"].T).chunk(2, -1)
    inner, length = x.shape[2], x.shape[1]
    padded = torch.cat((x.new_zeros(x.shape[0], 3, inner), x), 1)
    taps = [padded[:, k : k + length] * m["conv1d.weight"][:, 0, k] for k in range(4)]
    x = functional.silu(torch.stack(taps).sum(0) + m["conv1d.bias"])
    rank = m["dt_proj.weight"].shape[1]
    dt, b, c = torch.split(x @ m["x_proj.weight"].T, [rank, 16, 16], -1)
    dt = functional.softplus(dt @ m["dt_proj.weight"].T + m["dt_proj.bias"])
    state, rows = x.new_zeros(x.shape[0], inner, 16), []
    for t in range(length):
        decay = (-dt[:, t, :, None] * m["A_log"].exp()).exp()
        state = decay * state + (dt[:, t] * x[:, t])[:, :, None] * b[:, t, None, :]
        rows.append(torch.einsum("bdn,bn->bd", state, c[:, t]))
    y = (torch.stack(rows, 1) + m["D"] * x) * functional.silu(z)
    return y @ m["out_proj.weight"].T


def encode(net: Net, w: State, x: Tensor, training: bool) -> list[Tensor]:
    maps = [_res_block(w, "encoder.stem", x, 1, training)]
    for s, width in enumerate(net.features):
        y = maps[-1]
        for b in range(net.blocks):
            stride = net.stride if b == 0 else 1
            y = _res_block(w, f"encoder.stages.{s}.{b}", y, stride, training)
        key = f"encoder.mamba_layers.{s}"
        if f"{key}.norm.weight" in w:
            swap = y.shape[2] > width
            y = _mamba_layer(w, key, y.mT).mT if swap else _mamba_layer(w, key, y)
        maps.append(y)
    return maps


def _stretched(y: Tensor, length: int) -> Tensor:
    """Linear interpolation, half-sample centres, ends held."""
    have = y.shape[-1]
    if have == length:
        return y
    at = ((torch.arange(length, dtype=y.dtype) + 0.5) * have / length - 0.5).clamp(0, have - 1)
    left = at.floor().long()
    return torch.lerp(y[..., left], y[..., (left + 1).clamp(max=have - 1)], at - left)


def run(net: Net, w: State, x: Tensor, *, training: bool = False) -> list[Tensor]:
    """V2: ``[(B,)]``, without dropout; V1: ``[(B, N), ...]``, finest first."""
    maps = encode(net, w, x, training)
    y = maps[-1]
    if net.decoder == "none":
        y = y.mean(-1) if net.pooling == "avg" else y.max(-1).values
        for n in range(len(net.hidden) + 1):
            key = f"regression_head.{3 * n}"
            y = (_leaky(y) if n else y) @ w[f"{key}.weight"].T + w[f"{key}.bias"]
        return [y[:, 0]]
    outputs = []
    for s in range(net.depth):
        y = _conv(w, f"decoder.upsample_layers.{s}.conv", y.repeat_interleave(net.stride, -1))
        if net.decoder == "new" or s < net.depth - 1:
            skip = maps[-2 - s]
            cut = (y.shape[-1] - skip.shape[-1]) // 2
            y = torch.cat((y[..., cut:][..., : skip.shape[-1]], skip), 1)
        for b in range(2):
            y = _res_block(w, f"decoder.stages.{s}.{b}", y, 1, training)
        if (net.deep and training) or s == net.depth - 1:
            outputs.append(_conv(w, f"decoder.seg_layers.{s}", y))
    return [_stretched(y, x.shape[-1])[:, 0] for y in outputs[::-1]]

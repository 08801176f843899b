"""The compiled selective scan as a differentiable torch function for float32 on the CPU."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from umamba_rt.core.estimate import Float32Array
from umamba_rt.models.scan_kernels import backward_kernel, forward_kernel
from umamba_rt.models.threads import ranges, run_all

# Below this many exp() a thread (about 0.1 ms of work) handing over costs more than it saves.
_WORK_PER_THREAD = 131_072


def selective_scan_compiled(
    u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor
) -> Tensor:
    """Equal `umamba_rt.models.scan.selective_scan_reference`, fast; float32 on the CPU only.

    Args: as in the reference.

    Returns:
        Shape ``(B, D, L)``, contiguous.

    Raises:
        ValueError: a tensor is not float32 on the CPU, or the shapes do not fit together.
    """
    _check(u, delta, a, b, c, d)
    y: Tensor = _SelectiveScan.apply(u, delta, a, b, c, d)  # type: ignore[no-untyped-call]
    return y


class _SelectiveScan(torch.autograd.Function):
    """Forward and backward kernel; both see the arrays as contiguous, ``b, c`` as (B, L, N)."""

    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        ctx.save_for_backward(*inputs)
        arrays = _arrays(*inputs)
        kernel, y = forward_kernel(), np.empty_like(arrays[0])
        rows = arrays[0].shape[0] * arrays[0].shape[1]
        if y.size:
            parts = ranges(rows, _threads_for(arrays))
            run_all([partial(kernel, *arrays, y, *part) for part in parts])
        return torch.from_numpy(y)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        arrays = _arrays(*ctx.saved_tensors)
        u, _, a, b, c, d = arrays
        dy = _array(grads[0])
        du, ddelta, db, dc = (np.zeros_like(x) for x in (u, u, b, c))
        kernel, parts = backward_kernel(), ranges(u.shape[0], _threads_for(arrays))
        # All windows add to da and dd: one copy for each range, then their sum, so that the
        # result depends on the number of threads only and never on which ends first.
        da, dd = np.zeros((len(parts), *a.shape)), np.zeros((len(parts), *d.shape))
        if u.size:
            tasks = [
                partial(kernel, *arrays, dy, du, ddelta, da[k], db, dc, dd[k], *part)
                for k, part in enumerate(parts)
            ]
            run_all(tasks)
        da_sum, dd_sum = (x.sum(axis=0).astype(np.float32) for x in (da, dd))
        gradients = (du, ddelta, da_sum, db.transpose(0, 2, 1), dc.transpose(0, 2, 1), dd_sum)
        return tuple(torch.from_numpy(x) for x in gradients)


def _check(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> None:
    tensors = (u, delta, a, b, c, d)
    if any(x.dtype != torch.float32 or x.device.type != "cpu" for x in tensors):
        kinds = ", ".join(f"{x.dtype} on {x.device}" for x in tensors)
        raise ValueError(f"compiled scan: found {kinds}; expected float32 on cpu")
    if u.ndim != 3 or a.ndim != 2:
        raise ValueError(f"compiled scan: found u {tuple(u.shape)} and a {tuple(a.shape)}")
    batch, channels, length = u.shape
    states = a.shape[1]
    expected = (u.shape, u.shape, (channels, states), *[(batch, states, length)] * 2, (channels,))
    if any(tuple(x.shape) != tuple(shape) for x, shape in zip(tensors, expected, strict=True)):
        shapes = ", ".join(str(tuple(x.shape)) for x in tensors)
        raise ValueError(f"compiled scan: shapes {shapes} do not fit together")


def _array(tensor: Tensor) -> Float32Array:
    return cast(Float32Array, tensor.detach().contiguous().numpy())


def _arrays(
    u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor
) -> tuple[Float32Array, ...]:
    # Tokens before states: the kernels' inner loop runs over the states.
    ordered = (u, delta, a, b.transpose(1, 2), c.transpose(1, 2), d)
    return tuple(_array(x) for x in ordered)


def _threads_for(arrays: tuple[Float32Array, ...]) -> int:
    """Use torch's thread count, so that one setting governs the model, but not for crumbs."""
    work = arrays[0].size * arrays[2].shape[1]
    wanted: int = min(torch.get_num_threads(), work // _WORK_PER_THREAD)
    return max(1, wanted)

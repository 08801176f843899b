"""The selective scan: a plain loop that anyone can read, and the choice of a faster one."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

Scan: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]


def selective_scan_reference(
    u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor
) -> Tensor:
    """Run the state space model over the tokens, one after the other.

    Per batch entry and channel, with N hidden states:
    ``h[t] = exp(delta[t] a) h[t-1] + delta[t] b[t] u[t]`` and ``y[t] = c[t] . h[t] + d u[t]``.
    Every other scan of this package takes the same arguments and must equal this one.

    Args:
        u: the channels, shape ``(B, D, L)``.
        delta: step sizes, shape ``(B, D, L)``; > 0, that is after the softplus.
        a: state decay, shape ``(D, N)``; < 0.
        b: input weights, shape ``(B, N, L)``.
        c: output weights, shape ``(B, N, L)``.
        d: direct feed, shape ``(D,)``.

    Returns:
        Shape ``(B, D, L)``.

    Source: Gu and Dao, Mamba, arXiv:2312.00752, equation 2 and algorithm 2, with the zero-order
    hold for ``a`` and the Euler step for ``b``, as the reference of state-spaces/mamba has it.
    """
    state = u.new_zeros(u.shape[0], u.shape[1], a.shape[1])
    outputs = []
    for t in range(u.shape[2]):
        step = delta[:, :, t, None]
        state = torch.exp(step * a) * state + step * u[:, :, t, None] * b[:, None, :, t]
        outputs.append((state * c[:, None, :, t]).sum(-1))
    return torch.stack(outputs, dim=-1) + d[:, None] * u


def selective_scan(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """Run the fastest scan there is for these tensors; arguments as in the reference."""
    return _scan_for(u.device.type, u.dtype)(u, delta, a, b, c, d)


@functools.cache
def _scan_for(device_type: str, dtype: torch.dtype) -> Scan:
    """Choose once for each kind of tensor.

    float64 is for checking gradients and takes the loop; so does a device for which there is no
    kernel. The imports wait until here: numba takes 0.2-0.5 s, and CUDA never needs it.
    """
    if dtype == torch.float32 and device_type == "cpu":
        from umamba_rt.models.scan_compiled import selective_scan_compiled

        return selective_scan_compiled
    if dtype == torch.float32 and device_type == "cuda" and has_mamba_ssm():
        return _mamba_ssm_scan()
    return selective_scan_reference


def has_mamba_ssm() -> bool:
    """Whether mamba-ssm, which holds the CUDA kernel, is installed."""
    return importlib.util.find_spec("mamba_ssm") is not None


def _mamba_ssm_scan() -> Scan:
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

    scan: Scan = selective_scan_fn  # its further arguments have the defaults that we want
    return scan

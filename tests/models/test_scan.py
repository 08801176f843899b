"""models/scan.py: the reference against numbers made by hand, and its gradient."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from umamba_rt.models.scan import has_mamba_ssm, selective_scan, selective_scan_reference


def scan_inputs(
    batch: int, channels: int, states: int, length: int, *, seed: int = 0, dtype: torch.dtype
) -> list[Tensor]:
    g = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    inputs = [
        normal(batch, channels, length),
        torch.nn.functional.softplus(normal(batch, channels, length) - 2),
        -torch.exp(normal(channels, states)),
        normal(batch, states, length),
        normal(batch, states, length),
        normal(channels),
    ]
    return [x.to(dtype) for x in inputs]


def test_reference_gives_the_numbers_of_the_recurrence() -> None:
    u, delta = torch.tensor([[[2.0, 3.0]]]), torch.tensor([[[0.5, 0.25]]])
    a, d = torch.tensor([[-1.0]]), torch.tensor([10.0])
    b, c = torch.tensor([[[4.0, 5.0]]]), torch.tensor([[[6.0, 7.0]]])
    h1 = 0.5 * 4 * 2
    h2 = math.exp(-0.25) * h1 + 0.25 * 5 * 3
    expected = torch.tensor([[[6 * h1 + 20, 7 * h2 + 30]]])
    torch.testing.assert_close(selective_scan_reference(u, delta, a, b, c, d), expected)


def test_gradient_of_the_reference_is_right() -> None:
    inputs = [x.requires_grad_() for x in scan_inputs(2, 3, 2, 5, dtype=torch.float64)]
    assert torch.autograd.gradcheck(selective_scan_reference, inputs)


def test_float64_goes_through_the_reference() -> None:
    inputs = scan_inputs(1, 2, 16, 9, dtype=torch.float64)
    assert torch.equal(selective_scan(*inputs), selective_scan_reference(*inputs))


@pytest.mark.cuda
@pytest.mark.skipif(
    not (torch.cuda.is_available() and has_mamba_ssm()),
    reason="needs a CUDA device and mamba-ssm (pip install umamba-rt[cuda])",
)
def test_kernel_of_mamba_ssm_equals_the_reference_on_cuda() -> None:
    inputs = [x.cuda().requires_grad_() for x in scan_inputs(2, 32, 16, 97, dtype=torch.float32)]
    y = selective_scan(*inputs)
    expected = selective_scan_reference(*inputs)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-4)
    grads = torch.autograd.grad(y.square().sum(), inputs)
    wanted = torch.autograd.grad(expected.square().sum(), inputs)
    for grad, want in zip(grads, wanted, strict=True):
        torch.testing.assert_close(grad, want, rtol=1e-3, atol=1e-3 * float(want.abs().max()))

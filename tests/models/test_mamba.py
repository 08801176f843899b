"""models/mamba.py: names, sizes and start values of ``mamba_ssm.Mamba``, and causality."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from umamba_rt.models.mamba import Mamba
from umamba_rt.models.scan import selective_scan_reference


def test_parameters_have_the_names_and_shapes_of_mamba_ssm() -> None:
    # d_model 64 as in the last stage: d_inner 128, dt_rank 4.
    shapes = {key: tuple(value.shape) for key, value in Mamba(64).state_dict().items()}
    assert shapes == {
        "A_log": (128, 16),
        "D": (128,),
        "in_proj.weight": (256, 64),
        "conv1d.weight": (128, 1, 4),
        "conv1d.bias": (128,),
        "x_proj.weight": (36, 128),
        "dt_proj.weight": (128, 4),
        "dt_proj.bias": (128,),
        "out_proj.weight": (64, 128),
    }


def test_start_values_are_those_of_mamba_ssm() -> None:
    mamba = Mamba(40)
    torch.testing.assert_close(mamba.A_log[7].exp(), torch.arange(1.0, 17.0))
    assert (mamba.D == 1).all()
    assert mamba.dt_rank == 3
    assert float(mamba.dt_proj.weight.detach().abs().max()) <= 3**-0.5
    steps = functional.softplus(mamba.dt_proj.bias.detach())
    assert 1e-3 * 0.999 <= float(steps.min()) < float(steps.max()) <= 0.1 * 1.001
    # Log-uniform: half of them lie below the geometric mean of 0.001 and 0.1.
    many = functional.softplus(Mamba(2000).dt_proj.bias.detach())
    assert math.isclose(float((many < 0.01).float().mean()), 0.5, abs_tol=0.05)


def test_output_is_that_of_the_written_out_formula() -> None:
    torch.manual_seed(1)
    mamba = Mamba(16).double()
    tokens = torch.randn(2, 11, 16, dtype=torch.float64)
    x, z = functional.linear(tokens, mamba.in_proj.weight).chunk(2, dim=-1)
    mixed = torch.zeros_like(x)
    for t in range(11):
        for tap in range(4):
            if t - 3 + tap >= 0:
                mixed[:, t] += mamba.conv1d.weight[:, 0, tap] * x[:, t - 3 + tap]
    assert mamba.conv1d.bias is not None
    x = functional.silu(mixed + mamba.conv1d.bias)
    projected = functional.linear(x, mamba.x_proj.weight)
    steps, b, c = projected[..., :1], projected[..., 1:17], projected[..., 17:]
    delta = functional.softplus(functional.linear(steps, mamba.dt_proj.weight, mamba.dt_proj.bias))
    u, delta, b, c = (v.transpose(1, 2) for v in (x, delta, b, c))
    y = selective_scan_reference(u, delta, -mamba.A_log.exp(), b, c, mamba.D).transpose(1, 2)
    expected = functional.linear(y * functional.silu(z), mamba.out_proj.weight)
    torch.testing.assert_close(mamba(tokens), expected)


def test_float32_equals_float64() -> None:
    torch.manual_seed(2)
    mamba, tokens = Mamba(16), torch.randn(2, 300, 16)
    single = mamba(tokens)
    torch.testing.assert_close(
        single, mamba.double()(tokens.double()).float(), rtol=1e-4, atol=1e-5
    )


def test_inference_equals_training() -> None:
    torch.manual_seed(4)
    mamba, tokens = Mamba(16), torch.randn(3, 300, 16)
    with torch.inference_mode():
        plain = mamba(tokens)
    torch.testing.assert_close(plain, mamba(tokens).detach(), rtol=1e-5, atol=1e-6)


def test_a_token_sees_only_itself_and_those_before() -> None:
    torch.manual_seed(3)
    mamba, tokens = Mamba(16), torch.randn(1, 50, 16)
    changed = tokens.clone()
    changed[:, 30:] += 1
    before, after = mamba(tokens), mamba(changed)
    assert torch.equal(before[:, :30], after[:, :30])
    assert not torch.allclose(before[:, 30:], after[:, 30:])

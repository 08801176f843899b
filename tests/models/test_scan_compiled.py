"""models/scan_compiled.py: equal to the reference, forward and backward, from any thread."""

from __future__ import annotations

import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from umamba_rt.models.scan import selective_scan, selective_scan_reference
from umamba_rt.models.scan_compiled import selective_scan_compiled


def inputs_of(
    batch: int, channels: int, states: int, length: int, *, seed: int = 0
) -> list[Tensor]:
    g = torch.Generator().manual_seed(seed)
    shapes = [(batch, channels, length), (batch, channels, length), (channels, states)]
    shapes += [(batch, states, length), (batch, states, length), (channels,)]
    u, delta, a, b, c, d = (torch.randn(*shape, generator=g) for shape in shapes)
    return [u, torch.nn.functional.softplus(delta - 2), -torch.exp(a), b, c, d]


def relative_error(found: Tensor, expected: Tensor) -> float:
    """Largest difference, relative to the largest number expected."""
    found, expected = found.detach(), expected.detach()
    scale = float(expected.abs().max()) if expected.numel() else 0.0
    return float((found - expected).abs().max()) / scale if scale else 0.0


@settings(deadline=None, max_examples=60)
@given(
    batch=st.integers(1, 4),
    channels=st.integers(1, 9),
    states=st.integers(1, 17),
    length=st.integers(1, 200),
    seed=st.integers(0, 2**31),
)
def test_compiled_equals_reference_forward_and_backward(
    batch: int, channels: int, states: int, length: int, seed: int
) -> None:
    inputs = [x.requires_grad_() for x in inputs_of(batch, channels, states, length, seed=seed)]
    exact = [x.detach().double().requires_grad_() for x in inputs]
    y, expected = selective_scan_compiled(*inputs), selective_scan_reference(*exact)
    assert relative_error(y, expected) < 1e-5
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(seed))
    grads = torch.autograd.grad((y * weights).sum(), inputs)
    wanted = torch.autograd.grad((expected * weights).sum(), exact)
    for grad, want in zip(grads, wanted, strict=True):
        assert grad.shape == want.shape
        assert relative_error(grad, want) < 1e-5


@pytest.mark.parametrize(("channels", "length"), [(32, 751), (128, 188)])
def test_compiled_equals_reference_at_the_sizes_of_the_model(channels: int, length: int) -> None:
    # Large enough to be shared between threads.
    inputs = [x.requires_grad_() for x in inputs_of(5, channels, 16, length)]
    exact = [x.detach().double().requires_grad_() for x in inputs]
    y, expected = selective_scan_compiled(*inputs), selective_scan_reference(*exact)
    assert relative_error(y, expected) < 1e-5
    grads = torch.autograd.grad(y.square().sum(), inputs)
    wanted = torch.autograd.grad(expected.square().sum(), exact)
    for grad, want in zip(grads, wanted, strict=True):
        assert relative_error(grad, want) < 1e-5


def test_strong_decay_forgets_and_does_not_overflow() -> None:
    u, delta, a, b, c, d = inputs_of(1, 2, 4, 50)
    inputs = [u, delta * 0 + 50.0, a * 0 - 1e6, b, c, d]
    assert (
        relative_error(selective_scan_compiled(*inputs), selective_scan_reference(*inputs)) < 1e-5
    )


def test_nan_in_one_window_stays_in_that_window() -> None:
    inputs = inputs_of(2, 3, 16, 70)
    clean = selective_scan_compiled(*inputs)
    inputs[0][0, 1, 10] = torch.nan
    inputs[1][0, 2, 10] = torch.nan
    y = selective_scan_compiled(*inputs)
    assert y[0, 1:, 10:].isnan().all()
    assert torch.equal(y[0, :, :10], clean[0, :, :10])
    assert torch.equal(y[1], clean[1])


def test_transposed_inputs_are_read_in_their_own_order() -> None:
    inputs = inputs_of(2, 3, 16, 20)
    views = [
        x.transpose(-1, -2).contiguous().transpose(-1, -2) if x.ndim == 3 else x for x in inputs
    ]
    assert torch.equal(selective_scan_compiled(*views), selective_scan_compiled(*inputs))


def test_an_empty_batch_gives_an_empty_answer() -> None:
    inputs = [x.requires_grad_() for x in inputs_of(0, 3, 16, 20)]
    y = selective_scan_compiled(*inputs)
    assert y.shape == (0, 3, 20)
    grads = torch.autograd.grad(y.sum(), inputs)
    assert all(not grad.any() for grad in grads)


def test_another_dtype_or_shape_is_refused() -> None:
    inputs = inputs_of(1, 2, 3, 4)
    with pytest.raises(ValueError, match="float64"):
        selective_scan_compiled(*[x.double() for x in inputs])
    with pytest.raises(ValueError, match="do not fit"):
        selective_scan_compiled(*[*inputs[:3], inputs[3][:, :, :3], *inputs[4:]])
    with pytest.raises(ValueError, match="found u"):
        selective_scan_compiled(inputs[0][0], *inputs[1:])


def test_float32_on_the_cpu_goes_through_the_compiled_scan() -> None:
    inputs = inputs_of(1, 2, 3, 40)
    assert torch.equal(selective_scan(*inputs), selective_scan_compiled(*inputs))


def test_threads_that_scan_at_once_get_their_own_numbers() -> None:
    cases = [inputs_of(4, 32, 16, 300, seed=seed) for seed in range(4)]
    expected = [selective_scan_compiled(*case) for case in cases]
    answers: list[list[Tensor]] = [[] for _ in cases]

    def work(k: int) -> None:
        for _ in range(10):
            answers[k].append(selective_scan_compiled(*cases[k]))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(cases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert [len(found) for found in answers] == [10] * 4
    for found, want in zip(answers, expected, strict=True):
        assert all(torch.equal(y, want) for y in found)

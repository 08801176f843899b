"""models/head_spread.py: the answer is the head's, the spread what dropout would make of it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from umamba_rt.core.amplitude import N_AMPLITUDE
from umamba_rt.models import UMambaV2
from umamba_rt.models.dropout import DROPPED
from umamba_rt.models.head_spread import answer_and_spread


def head(*hidden_dims: int, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    model = UMambaV2(hidden_dims=hidden_dims, dropout=DROPPED)
    return model.regression_head.eval()


def features(count: int = 20) -> Tensor:
    return torch.randn(count, 64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("widths", [(), (16,), (128, 64), (9, 8, 7)])
def test_answer_is_the_heads_own(widths: tuple[int, ...]) -> None:
    layers, x = head(*widths), features()
    torch.testing.assert_close(answer_and_spread(layers, x)[:, :1], layers(x))


@pytest.mark.parametrize(("widths", "tolerance"), [((64,), 0.06), ((128, 64), 0.15)])
def test_spread_is_that_of_answers_with_units_left_out(
    widths: tuple[int, ...], tolerance: float
) -> None:
    """One hidden layer is linear in its units, and only the sample is finite; two are not."""
    layers, x = head(*widths), features(5)
    expected = answer_and_spread(layers, x)[:, 1].detach()
    torch.manual_seed(2)
    layers.train()
    with torch.no_grad():
        answers = torch.stack([layers(x)[:, 0] for _ in range(4000)])
    torch.testing.assert_close(answers.std(dim=0), expected, rtol=tolerance, atol=0)


def test_a_unit_that_turns_its_sign_makes_no_jump() -> None:
    layers, x = head(12, 8), features(30000)
    with torch.no_grad():
        first, second = layers[0](x), layers[0](x + 1e-3)
        below = [nn.functional.leaky_relu(level) for level in (first, second)]
        turned = ((layers[3](below[0]) > 0) != (layers[3](below[1]) > 0)).any(dim=1)
        here, there = (answer_and_spread(layers, y)[:, 1] for y in (x, x + 1e-3))
    assert turned.sum() > 20
    torch.testing.assert_close(here[turned], there[turned], rtol=5e-3, atol=0)


def test_head_without_hidden_units_has_no_spread() -> None:
    assert (answer_and_spread(head(), features())[:, 1] == 0).all()


def test_model_tells_both_of_the_same_features() -> None:
    torch.manual_seed(0)
    model = UMambaV2(n_stages=2, features_per_stage=4, strides=8, amplitude_features=True).eval()
    x, amplitude = torch.randn(3, 3, 3001), torch.randn(3, N_AMPLITUDE)
    with torch.no_grad():
        both = model.with_spread(x, amplitude)
        torch.testing.assert_close(both[:, 0], model(x, amplitude))
    assert (both[:, 1] > 0).all()

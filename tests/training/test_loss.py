"""training/loss.py: the specification's losses, a number at a time."""

from __future__ import annotations

import math

import pytest
import torch

from umamba_rt.training.loss import HUBER_DELTA, curve_target, estimate_loss


def test_v2s_loss_is_the_mean_square() -> None:
    output, target = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.5, 2.0, 2.0])
    assert estimate_loss(output, target, "mse").item() == pytest.approx((0.25 + 0 + 4) / 3)


def test_huber_is_linear_beyond_its_delta() -> None:
    output, target = torch.tensor([0.2, 3.0]), torch.tensor([0.0, 0.0])
    expected = (0.5 * 0.04 + HUBER_DELTA * (3.0 - 0.5 * HUBER_DELTA)) / 2
    assert estimate_loss(output, target, "huber").item() == pytest.approx(expected)


def test_coarser_outputs_of_deep_supervision_weigh_half_as_much_each() -> None:
    target = torch.zeros(2, 5)
    outputs = tuple(torch.full((2, 5), value) for value in (1.0, 2.0, 3.0))
    expected = (1.0 * 1 + 0.5 * 4 + 0.25 * 9) / 1.75
    assert estimate_loss(outputs, target, "mse").item() == pytest.approx(expected)


def test_constant_target_is_the_magnitude_at_every_sample() -> None:
    target = curve_target(torch.tensor([3.0, 0.0]), torch.tensor([2.0, math.nan]), 4, "constant")
    assert target.tolist() == [[3.0] * 4, [0.0] * 4]


def test_target_after_p_is_zero_before_it() -> None:
    magnitude, p_sample = torch.tensor([3.0, 5.0, 0.0]), torch.tensor([2.0, 0.4, math.nan])
    target = curve_target(magnitude, p_sample, 4, "after-p")
    assert target.tolist() == [[0, 0, 3, 3], [0, 5, 5, 5], [0, 0, 0, 0]]

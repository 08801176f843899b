from __future__ import annotations

import math

import numpy as np
import pytest

from umamba_rt.training.metrics import NO_ERRORS, calibration_of, errors_of


def test_errors_of_four_windows_by_hand() -> None:
    truth = np.array([1.0, 2.0, 3.0, 6.0])
    estimate = np.array([2.0, 2.0, 2.0, 8.0])  # errors 1, 0, -1, 2
    errors = errors_of(truth, estimate, ["a", "a", "a", "b"])
    assert (errors.n, errors.n_events) == (4, 2)
    assert errors.mae == 1
    assert errors.rmse == pytest.approx(math.sqrt(6 / 4))
    # mean 3, squares about it 4 + 1 + 0 + 9 = 14
    assert errors.r2 == pytest.approx(1 - 6 / 14)
    assert errors.bias == 0.5
    assert errors.scatter == pytest.approx(math.sqrt((0.25 + 0.25 + 2.25 + 2.25) / 3))
    assert errors.event_mae == pytest.approx((2 / 3 + 2) / 2)
    assert errors.event_bias == pytest.approx((0 + 2) / 2)
    assert errors.event_mae_low == pytest.approx(2 / 3)
    assert errors.event_mae_high == pytest.approx(2)


def test_range_of_many_equal_events_narrows_as_it_should() -> None:
    rng = np.random.default_rng(1)
    error = rng.normal(0, 1, 400)
    errors = errors_of(np.zeros(400), error, [str(n) for n in range(400)])
    half = np.abs(error).std() * 1.96 / 20
    assert errors.event_mae_high - errors.event_mae == pytest.approx(half, rel=0.15)
    assert errors.event_mae - errors.event_mae_low == pytest.approx(half, rel=0.15)


def test_estimates_that_are_not_finite_are_left_out() -> None:
    errors = errors_of(np.array([1.0, 2.0]), np.array([np.nan, 2.5]), ["a", "b"])
    assert (errors.n, errors.n_events, errors.mae) == (1, 1, 0.5)
    assert math.isnan(errors.r2)
    assert math.isnan(errors.scatter)
    assert errors_of(np.array([1.0]), np.array([np.nan]), ["a"]) is NO_ERRORS


def test_equal_magnitudes_have_no_r2() -> None:
    errors = errors_of(np.full(5, 3.7), np.full(5, 4.0), list("abcde"))
    assert math.isnan(errors.r2)


def test_calibration_by_hand() -> None:
    error = np.array([0.5, -1.5, 3.0, 0.0, 1.0])
    sigma = np.array([1.0, 1.0, 1.0, 0.2, np.nan])
    found = calibration_of(error, sigma)
    assert found is not None
    assert (found.n, found.within_1_sigma, found.within_2_sigma) == (4, 0.5, 0.75)
    assert found.median_sigma == 1
    assert calibration_of(error, np.full(5, np.nan)) is None

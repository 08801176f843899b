from __future__ import annotations

import numpy as np
import pytest

from tests.training.records import record
from umamba_rt.core.calibration import Unit
from umamba_rt.training.baselines import Example, features_of, fit
from umamba_rt.training.windows import cut_window


def examples(
    n: int, slopes: tuple[float, ...], unit: Unit = "m/s", seed: int = 0, events: int | None = None
) -> list[Example]:
    """A plane over random features, without scatter."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(n):
        features = rng.normal(0, 1, 4)
        answer = 3 + float(features @ np.array(slopes))
        found.append(Example(features, unit, f"e{number % (events or n)}", answer))
    return found


def test_features_of_a_burst_by_hand() -> None:
    array = np.zeros((3, 9000))
    seconds = np.arange(400) / 100
    array[:, 3000:3400] = np.array([[1e-3], [1e-4], [1e-5]]) * np.sin(2 * np.pi * 5 * seconds)
    window = cut_window(record(array=array), 25)
    assert window is not None
    amplitude, peak, duration, centroid = features_of(window)
    assert peak == pytest.approx(-4, abs=0.01)
    # A sine over 4 s of 30: its standard deviation times the root of the share of time.
    assert amplitude == pytest.approx(-4 + np.log10(np.sqrt(0.5 * 400 / 3001)), abs=0.01)
    assert 10**duration == pytest.approx(0.9 * 4, rel=0.02)
    assert 10**centroid == pytest.approx(5, rel=0.35)


def test_features_of_a_dead_window_are_finite() -> None:
    window = cut_window(record(array=np.zeros((3, 9000))), 25)
    assert window is not None
    assert np.isfinite(features_of(window)).all()


def test_regression_finds_a_plane_of_each_unit() -> None:
    train = examples(60, (1, 0, 0.5, -1)) + examples(60, (-1, 2, 0, 0), "m/s^2", seed=1)
    dev = examples(20, (1, 0, 0.5, -1), seed=2)
    fitted = fit(train, dev)
    assert fitted is not None
    assert fitted.alpha == 0.01
    for unit, slopes in (("m/s", (1, 0, 0.5, -1)), ("m/s^2", (-1, 2, 0, 0))):
        for example in examples(10, slopes, unit, seed=3):  # type: ignore[arg-type]
            assert fitted.ridge(example.features, example.unit) == pytest.approx(
                example.magnitude, abs=0.01
            )


def test_penalty_is_the_one_that_the_dev_windows_like_best() -> None:
    noisy = [
        Example(e.features, e.unit, e.source_id, 3 + shift)
        for e, shift in zip(
            examples(30, (0, 0, 0, 0)), np.random.default_rng(5).normal(0, 2, 30), strict=True
        )
    ]
    fitted = fit(noisy, examples(200, (0, 0, 0, 0), seed=9))
    assert fitted is not None
    assert fitted.alpha == 100


def test_each_earthquake_weighs_one() -> None:
    flat = np.zeros(4)
    train = [Example(flat, "m/s", "big", 6.0)] * 30 + [
        Example(flat, "m/s", f"small{n}", 2.0) for n in range(3)
    ]
    fitted = fit(train, [])
    assert fitted is not None
    assert fitted.ridge(flat, "m/s") == pytest.approx((6 + 3 * 2) / 4)
    assert fitted.constant == 6
    assert fitted.alpha == 1


def test_unit_with_few_windows_gets_the_constant() -> None:
    fitted = fit(examples(40, (1, 0, 0, 0)) + examples(19, (1, 0, 0, 0), "m/s^2"), [])
    assert fitted is not None
    assert fitted.ridge(np.ones(4), "m/s^2") == fitted.constant
    assert fitted.ridge(np.ones(4), "counts") == fitted.constant
    assert fitted.ridge(np.ones(4), "m/s") != fitted.constant


def test_nothing_is_fitted_on_nothing() -> None:
    assert fit([], examples(5, (1, 0, 0, 0))) is None

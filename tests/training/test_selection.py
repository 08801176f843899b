"""training/selection.py: the dev error, counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.training.records import record
from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.preprocess import ModelInput
from umamba_rt.errors import ConfigError
from umamba_rt.training.selection import SECONDS_AFTER_P, DevSet

RECORDS = [
    record(source_id="a", magnitude=4.0, seed=1),
    record(source_id="a", magnitude=4.0, seed=2),
    record(source_id="b", magnitude=2.0, seed=3),
]


def constant(value: float) -> object:
    def predict(inputs: ModelInput) -> Float32Array:
        return np.full(len(inputs), value, np.float32)

    return predict


@pytest.mark.parametrize("amplitude", [True, False])
def test_each_earthquake_weighs_one_and_each_record_in_the_other_figure(amplitude: bool) -> None:
    dev = DevSet(RECORDS, norm="std", amplitude=amplitude)
    error = dev.error(constant(3.5))  # type: ignore[arg-type]
    assert error.by_seconds == pytest.approx([(0.5 + 1.5) / 2] * len(SECONDS_AFTER_P))
    assert error.score == pytest.approx(1.0)
    assert error.record_mae == pytest.approx((0.5 + 0.5 + 1.5) / 3)


def test_noise_before_p_that_reads_above_two_is_false() -> None:
    dev = DevSet(RECORDS, norm="std", amplitude=False)
    assert dev.error(constant(2.5)).false_share == 1.0  # type: ignore[arg-type]
    assert dev.error(constant(1.5)).false_share == 0.0  # type: ignore[arg-type]


def test_without_noise_nothing_is_false() -> None:
    dev = DevSet([record(p_sample=1000.0)], norm="std", amplitude=False)
    assert dev.error(constant(5.0)).false_share == 0.0  # type: ignore[arg-type]


def test_without_a_window_there_is_nothing_to_choose_by() -> None:
    for records in ([], [record(p_sample=0.0)], [record(p_sample=math.nan)]):
        with pytest.raises(ConfigError, match="no window of the dev split"):
            DevSet(records, norm="std", amplitude=False)

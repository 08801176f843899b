"""training/sampler.py: what is drawn how often, and that a seed says it all."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from tests.training.records import record
from umamba_rt.core.amplitude import OF_SECONDS
from umamba_rt.core.preprocess import prepare
from umamba_rt.errors import ConfigError, DatasetError
from umamba_rt.training.recipe import DataRecipe
from umamba_rt.training.record import LabelledRecord
from umamba_rt.training.sampler import Sampler, TrainingBatch
from umamba_rt.training.windows import cut_window

PLAIN = {"real": ("x",), "real_share": 1.0, "augment": False, "unknown_unit_share": 0.0}


def sampler(real: list[LabelledRecord], **keys: object) -> Sampler:
    recipe = DataRecipe(**{**PLAIN, **keys})  # type: ignore[arg-type]
    return Sampler(real, [], recipe, norm="std", amplitude=True)


def drawn(made: Sampler, count: int, seed: int = 0) -> TrainingBatch:
    (batch,) = made.batches((seed,), 1, count)
    return batch


def test_windows_hold_the_onset_where_the_batch_says() -> None:
    made = sampler([record(magnitude=5.0)], noise_share=0.3)
    batch = drawn(made, 200)
    is_noise = np.isnan(batch.p_sample)
    assert 0.2 < is_noise.mean() < 0.4
    assert set(batch.magnitude[is_noise]) == {0.0}
    assert set(batch.magnitude[~is_noise]) == {5.0}
    # The record is a thousand times louder from P on: the loudest step lies there.
    late = np.flatnonzero((batch.p_sample > 500) & (batch.p_sample < 2500))
    for k in late[:20]:
        z = np.abs(batch.inputs.samples[k, 0])
        onset = round(float(batch.p_sample[k]))
        assert z[:onset].max() < 0.1 * z[onset:].max()


def test_first_seconds_after_p_come_as_often_as_all_others() -> None:
    batch = drawn(sampler([record()], noise_share=0.0), 600)
    seconds = (3000 - batch.p_sample) / 100
    assert seconds.min() >= 0.49
    assert seconds.max() <= 29.91
    assert 0.35 < (seconds < 5).mean() < 0.55


@pytest.mark.parametrize(("power", "low", "high"), [(0.0, 0.43, 0.57), (1.0, 0.08, 0.2)])
def test_earthquakes_weigh_by_the_power_of_their_records(
    power: float, low: float, high: float
) -> None:
    many = [record(source_id="many", magnitude=6.0, seed=k) for k in range(6)]
    made = sampler([*many, record(source_id="one", magnitude=3.0)], event_power=power)
    share = Counter(drawn(made, 400).magnitude.tolist())
    assert low < share[3.0] / (share[3.0] + share[6.0]) < high


def test_the_same_seed_gives_the_same_batches_and_another_other_ones() -> None:
    made = sampler([record(seed=k) for k in range(3)], augment=True, unknown_unit_share=0.2)
    one, again, other = (drawn(made, 16, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.inputs.samples, again.inputs.samples)
    assert one.inputs.amplitude is not None
    assert again.inputs.amplitude is not None
    np.testing.assert_array_equal(one.inputs.amplitude, again.inputs.amplitude)
    np.testing.assert_array_equal(one.p_sample, again.p_sample)
    assert not np.array_equal(one.inputs.samples, other.inputs.samples)


def test_preparation_is_the_daemons_own() -> None:
    made = sampler([record()], noise_share=0.0, earliest_s=9.99, latest_s=10.0)
    batch = drawn(made, 4)
    window = cut_window(record(), 10.0)
    assert window is not None
    expected = prepare(window.samples[None], [window.calibration], "std", amplitude=True)
    k = int(np.argmin(np.abs(batch.p_sample - window.p_sample)))
    assert batch.p_sample[k] == window.p_sample
    np.testing.assert_array_equal(batch.inputs.samples[k], expected.samples[0])


def test_real_and_synthetic_come_in_their_shares() -> None:
    recipe = DataRecipe(real=("x",), real_share=0.25, synthetic_count=1, noise_share=0.0)
    real, synthetic = [record(magnitude=3.0)], [record(magnitude=6.0, source_id="s")]
    made = Sampler(real, synthetic, recipe, norm="std", amplitude=False)
    batch = drawn(made, 400)
    assert 0.18 < (batch.magnitude == 3.0).mean() < 0.32
    assert batch.inputs.amplitude is None


def test_records_of_noise_serve_as_noise() -> None:
    noise = record(p_sample=math.nan, source_id="noise", seed=1)
    batch = drawn(sampler([record(), noise], noise_share=1.0), 20)
    assert np.isnan(batch.p_sample).all()


def test_nothing_to_draw_from_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match=r"data\.real.*no earthquake"):
        sampler([record(p_sample=math.nan)])


def test_records_too_short_for_a_window_are_not_tried_for_ever() -> None:
    # No noise before P to mirror.
    with pytest.raises(DatasetError, match="1000 draws"):
        drawn(sampler([record(samples=500, p_sample=10.0)], noise_share=0.0), 1)


def test_seconds_are_kept_from_the_model_as_often_as_asked() -> None:
    batch = drawn(sampler([record()], seconds_share=0.25, noise_share=0.0), 400)
    assert batch.inputs.amplitude is not None
    told = batch.inputs.amplitude[:, OF_SECONDS].any(axis=1)
    assert 0.17 < told.mean() < 0.33
    assert batch.inputs.amplitude[:, : OF_SECONDS.start].any(axis=1).all()
    assert (batch.inputs.amplitude[:, OF_SECONDS.stop :].sum(axis=1) == 1).all()


def test_large_earthquakes_come_more_often_where_asked() -> None:
    records = [record(source_id="a", magnitude=4.9), record(source_id="b", magnitude=5.1)]
    batch = drawn(sampler(records, large_weight=3.0, noise_share=0.0), 400)
    assert 0.67 < (batch.magnitude > 5).mean() < 0.83

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.training.records import record
from umamba_rt.training.evaluate import SECONDS_AFTER_P, evaluate, fit_baselines
from umamba_rt.training.predict import Predicted
from umamba_rt.training.record import LabelledRecord
from umamba_rt.training.windows import COUNTS_PER_UNIT, CutWindow


def loudness(windows: Sequence[CutWindow]) -> Predicted:
    """A model that reads the logarithm of the peak."""
    peaks = [np.log10(np.abs(window.samples).max() / COUNTS_PER_UNIT) + 8 for window in windows]
    return Predicted(np.array(peaks, np.float32), np.full(len(windows), 0.5, np.float32))


def records(n: int, seed: int = 0, **fields: object) -> list[LabelledRecord]:
    rng = np.random.default_rng(seed)
    return [
        record(magnitude=float(rng.uniform(2, 6)), source_id=f"{seed}-{k}", seed=k, **fields)  # type: ignore[arg-type]
        for k in range(n)
    ]


def test_every_record_is_evaluated_at_every_time() -> None:
    found = evaluate(records(40), loudness)
    assert found.n_records == 40
    assert len(found.windows) == 40 * len(SECONDS_AFTER_P)
    assert len({(w.trace_name, w.seconds_after_p) for w in found.windows}) == len(found.windows)
    assert all(w.uncertainty == 0.5 for w in found.windows)
    assert all(math.isnan(w.ridge) and math.isnan(w.constant) for w in found.windows)


def test_estimates_stand_beside_their_own_record() -> None:
    made = records(5)
    found = evaluate(made, loudness, seconds=[25.0])
    for one, window in zip(made, found.windows, strict=True):
        assert window.source_id == one.source_id
        expected = math.log10(float(np.abs(one.samples[:, 2500:5501]).max())) + 8
        assert window.predicted == pytest.approx(expected, abs=1e-5)
        assert window.magnitude == one.magnitude
        # The wave is 1 + 10**(magnitude - 2) times the noise.
        assert window.window_snr_db == pytest.approx(20 * (one.magnitude - 2), abs=6)


def test_regression_learns_what_the_records_hold() -> None:
    fitted = fit_baselines(records(60, 1), records(10, 2), [5.0, 25.0])
    found = evaluate(records(20, 3), loudness, fitted, [5.0, 25.0])
    for window in found.windows:
        assert window.ridge == pytest.approx(window.magnitude, abs=0.3)
        assert window.constant == fitted[window.seconds_after_p].constant
    assert fit_baselines([], records(3), [25.0]) == {}


def test_noise_is_read_before_p_and_from_records_of_noise() -> None:
    noise = record(p_sample=math.nan, source_id="n")
    found = evaluate([*records(3), noise, record(p_sample=1000.0, source_id="short")], loudness)
    assert found.n_records == 4
    assert [window.origin for window in found.noise] == ["0-0-0", "0-1-1", "0-2-2", "n-0", "n-0"]
    assert max(window.predicted for window in found.noise) < 2
    assert all(window.window_snr_db < 3 for window in found.noise)


def test_record_that_gives_no_window_is_counted() -> None:
    found = evaluate([record(p_sample=18.0)], loudness, seconds=[5.0, 30.0])
    assert found.excluded == {5.0: 1, 30.0: 0}
    assert len(found.windows) == 1

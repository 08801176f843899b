"""training/error_fit.py: a law of errors is found again, and is judged on others' earthquakes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.training.records import record
from umamba_rt.core.uncertainty import N_TERMS
from umamba_rt.training.error_fit import Errors, errors_of, fit_errors, joined
from umamba_rt.training.evaluate import SECONDS_AFTER_P
from umamba_rt.training.predict import Predicted
from umamba_rt.training.windows import CutWindow

LAW = np.array([-0.8, 0.6, 0.4, 0.1, -0.2])


def drawn(
    events: int, seed: int = 0, law: np.ndarray[tuple[int], np.dtype[np.float64]] = LAW
) -> Errors:
    """Twelve windows of each earthquake, with normal errors of a known law."""
    rng = np.random.default_rng(seed)
    terms = rng.uniform(0, 1, (12 * events, N_TERMS))
    terms[:, 0] = 1.0
    names = np.repeat([f"event-{seed}-{number}" for number in range(events)], 12)
    return Errors(terms, rng.normal(size=len(terms)) * np.exp(terms @ LAW), names)


def test_a_known_law_is_found_again_and_its_sigma_is_honest() -> None:
    fitted = fit_errors(drawn(600))
    np.testing.assert_allclose(fitted.model.weights, LAW, atol=0.12)
    assert (fitted.windows, fitted.events) == (7200, 600)
    assert 0.66 < fitted.within_one < 0.71
    assert 0.94 < fitted.within_two < 0.965


def test_mislabelled_records_widen_little() -> None:
    errors = drawn(200)
    wrong = errors.error.copy()
    wrong[::100] += 4.0
    shifted = fit_errors(Errors(errors.terms, wrong, errors.event))
    plain = fit_errors(errors)
    ratio = np.exp(errors.terms @ (np.array(shifted.model.weights) - plain.model.weights))
    assert 1.0 < ratio.mean() < 1.1


def test_an_earthquake_is_judged_by_the_law_of_the_others() -> None:
    errors = drawn(12)
    strange = np.where(errors.event == "event-0-3", 30.0, errors.error)
    fitted = fit_errors(Errors(errors.terms, strange, errors.event))
    assert 0.75 < fitted.within_two <= 11 / 12


def test_the_same_errors_give_the_same_law() -> None:
    assert fit_errors(drawn(20)) == fit_errors(drawn(20))


def test_too_few_earthquakes_are_refused() -> None:
    with pytest.raises(ValueError, match="11 earthquakes and records of noise, 12 are needed"):
        fit_errors(drawn(11))


def test_errors_are_those_of_every_window_and_of_the_noise_before() -> None:
    def predict(windows: Sequence[CutWindow]) -> Predicted:
        return Predicted(np.full(len(windows), 3.0, np.float32))

    quake = record(magnitude=2.0, source_id="one", p_sample=4000.0)
    noise = record(p_sample=math.nan, source_id="quiet")
    found = errors_of([quake, noise], predict)
    assert found.terms.shape == (len(found), N_TERMS)
    of_quake = found.error[found.event == "one"]
    assert np.count_nonzero(of_quake == 1.0) == len(SECONDS_AFTER_P)
    assert np.count_nonzero(of_quake == 3.0) == 1  # the window before P
    assert set(found.error[found.event == "quiet"]) == {3.0}
    both = joined(found, found)
    assert len(both) == 2 * len(found)

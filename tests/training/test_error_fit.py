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

LAW = np.array([-0.8, 0.6, 0.4, 0.1, -0.2, 0.5, 0.3, 0.7])


def drawn(
    events: int, seed: int = 0, law: np.ndarray[tuple[int], np.dtype[np.float64]] = LAW
) -> Errors:
    """Twelve windows of each earthquake, three without a unit; normal errors of a known law."""
    rng = np.random.default_rng(seed)
    terms = rng.uniform(0, 1, (12 * events, N_TERMS))
    terms[:, 0] = 1.0
    terms[:, -1] = np.arange(len(terms)) % 4 == 0
    names = np.repeat([f"event-{seed}-{number}" for number in range(events)], 12)
    return Errors(terms, rng.normal(size=len(terms)) * np.exp(terms @ LAW), names)


def test_a_known_law_is_found_again_and_its_sigma_is_honest() -> None:
    fitted = fit_errors(drawn(600))
    np.testing.assert_allclose(fitted.model.weights, LAW, atol=0.12)
    assert fitted.events == 600
    assert (fitted.with_unit.windows, fitted.without_unit.windows) == (5400, 1800)
    for found in (fitted.with_unit, fitted.without_unit):
        assert 0.66 < found.within_one < 0.71
        assert 0.94 < found.within_two < 0.965


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
    assert 0.75 < fitted.with_unit.within_two <= 11 / 12


def test_an_earthquake_of_many_windows_does_not_rule() -> None:
    """Ten times the windows and twice the error of each of 99 others: 3.5 % of the voices."""
    errors = drawn(99)
    loud = drawn(10, seed=1)
    loud = Errors(loud.terms, 2 * loud.error, np.full(len(loud), "loud"))
    plain = fit_errors(errors).model.weights[0]
    assert plain < fit_errors(joined(errors, loud)).model.weights[0] < plain + 0.05


def test_windows_without_a_unit_change_no_other_weight() -> None:
    errors = drawn(40)
    without = errors.without_unit
    wide = Errors(errors.terms, np.where(without, 3, 1) * errors.error, errors.event)
    narrow, found = fit_errors(errors).model.weights, fit_errors(wide).model.weights
    assert found[:-1] == narrow[:-1]
    assert found[-1] == pytest.approx(narrow[-1] + math.log(3))


@pytest.mark.parametrize("flag", [0.0, 1.0])
def test_data_of_one_kind_give_a_law_without_that_factor(flag: float) -> None:
    errors = drawn(40)
    terms = errors.terms.copy()
    terms[:, -1] = flag
    fitted = fit_errors(Errors(terms, errors.error, errors.event))
    assert fitted.model.weights[-1] == 0.0
    assert math.isnan((fitted.without_unit, fitted.with_unit)[int(flag)].within_one)


def test_the_same_errors_give_the_same_law() -> None:
    assert fit_errors(drawn(20)) == fit_errors(drawn(20))


def test_too_few_earthquakes_are_refused() -> None:
    with pytest.raises(ValueError, match="11 earthquakes and records of noise, 12 are needed"):
        fit_errors(drawn(11))


def test_errors_are_those_of_every_window_and_of_the_noise_before() -> None:
    def predict(windows: Sequence[CutWindow]) -> Predicted:
        spread = np.full(len(windows), 0.5, np.float32)
        return Predicted(np.full(len(windows), 3.0, np.float32), spread=spread)

    quake = record(magnitude=2.0, source_id="one", p_sample=4000.0)
    noise = record(p_sample=math.nan, source_id="quiet")
    found = errors_of([quake, noise], predict)
    assert found.terms.shape == (len(found), N_TERMS)
    np.testing.assert_allclose(found.terms[:, 5], math.asinh(2.0))
    of_quake = found.error[found.event == "one"]
    assert np.count_nonzero(of_quake == 1.0) == 2 * len(SECONDS_AFTER_P)
    assert np.count_nonzero(of_quake == 3.0) == 2  # the window before P
    assert set(found.error[found.event == "quiet"]) == {3.0}
    assert found.without_unit.sum() == len(found) / 2  # each window again, as counts
    both = joined(found, found)
    assert len(both) == 2 * len(found)

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import SHARED
from tests.training.records import record
from umamba_rt.core.calibration import COUNTS
from umamba_rt.core.preprocess import normalise
from umamba_rt.training.seisbench_format import SeisBenchDataset
from umamba_rt.training.windows import (
    COUNTS_PER_UNIT,
    WINDOW_SAMPLES,
    calibration_of_unit,
    cut_noise,
    cut_window,
)

REAL = SHARED / "data" / "real"


def numbered(samples: int = 9000, p_sample: float = 3000.0, **fields: object):  # type: ignore[no-untyped-def]
    """Each sample is its own index, in counts."""
    array = np.stack([np.arange(samples)] * 3)
    return record(samples, p_sample, array=array, unit="counts", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [0.5, 5, 25, 30])
def test_window_ends_the_asked_time_after_p(seconds: float) -> None:
    window = cut_window(numbered(), seconds)
    assert window is not None
    last = 3000 + round(100 * seconds)
    assert np.array_equal(window.samples[0], np.arange(last - 3000, last + 1))
    assert window.ends_after_p_s == seconds
    assert window.mirrored == 0
    assert window.samples[0, round(window.p_sample)] == 3000


def test_onset_between_samples_is_kept() -> None:
    window = cut_window(numbered(p_sample=3000.4), 10)
    assert window is not None
    assert window.ends_after_p_s == pytest.approx(9.996)
    assert window.p_sample == pytest.approx(2000.4)


def test_record_that_ends_sooner_gives_its_last_window() -> None:
    window = cut_window(numbered(samples=4500), 25)
    assert window is not None
    assert np.array_equal(window.samples[0], np.arange(1499, 4500))
    assert window.ends_after_p_s == pytest.approx(14.99)


def test_front_is_the_records_own_noise_mirrored() -> None:
    window = cut_window(numbered(p_sample=2000), 5)
    assert window is not None
    assert window.mirrored == 500
    assert np.array_equal(window.samples[0, 500:], np.arange(2501))
    assert np.array_equal(window.samples[0, :500], np.arange(500, 0, -1))
    assert window.p_sample == 2500


@given(p=st.integers(19, 700), seconds=st.floats(0.1, 20))
def test_mirrored_front_holds_noise_only_and_has_no_jump(p: int, seconds: float) -> None:
    window = cut_window(numbered(p_sample=p), seconds)
    assert window is not None
    front = window.samples[0, : window.mirrored + 1]
    assert front.max(initial=0) < p - min(50, p // 2)
    assert np.abs(np.diff(front)).max(initial=1) == 1
    assert window.samples.shape == (3, WINDOW_SAMPLES)


@pytest.mark.parametrize(
    ("p_sample", "samples", "seconds"), [(18, 9000, 5), (9000, 9000, 5), (-600, 9000, 5)]
)
def test_no_window_without_noise_to_mirror_or_onset(
    p_sample: float, samples: int, seconds: float
) -> None:
    assert cut_window(numbered(samples, p_sample), seconds) is None


def test_onset_at_the_very_begin_is_no_obstacle_where_nothing_is_mirrored() -> None:
    window = cut_window(numbered(p_sample=1), 30)
    assert window is not None
    assert window.p_sample == 0


def test_metres_become_counts_of_a_known_sensitivity() -> None:
    made = record(unit="m/s^2")
    window = cut_window(made, 5)
    assert window is not None
    assert window.calibration == calibration_of_unit("m/s^2")
    metres = window.samples / window.calibration.counts_per_unit[0]
    assert np.allclose(metres, made.samples[:, 500:3501], rtol=1e-6)
    assert calibration_of_unit("counts") == COUNTS


def test_quiet_ground_is_normalised_as_a_digitiser_would_see_it() -> None:
    quiet = record(array=np.random.default_rng(0).normal(0, 1e-9, (3, 9000)))
    window = cut_window(quiet, 5)
    assert window is not None
    assert normalise(window.samples, "std").std() == pytest.approx(1, abs=1e-3)
    # What COUNTS_PER_UNIT is for: the same window in metres loses a tenth.
    assert normalise(window.samples / COUNTS_PER_UNIT, "std").std() == pytest.approx(
        0.909, abs=0.01
    )


def test_noise_before_p_ends_before_the_onset() -> None:
    (window,) = cut_noise(numbered())
    assert window.samples[0].max() == 2800
    assert window.mirrored == 200
    assert window.p_sample > WINDOW_SAMPLES
    assert not cut_noise(numbered(p_sample=2999))


def test_record_of_noise_gives_windows_side_by_side() -> None:
    first, second = cut_noise(numbered(samples=6002, p_sample=math.nan))
    assert (first.samples[0, 0], second.samples[0, 0]) == (0, 3001)
    assert len(cut_noise(numbered(samples=6001, p_sample=math.nan))) == 1
    assert math.isnan(first.p_sample)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the real records are not at {REAL}")
def test_every_real_test_record_gives_a_window_at_every_time() -> None:
    ends_sooner = 0
    for real in SeisBenchDataset(REAL).select("test"):
        for seconds in (0.5, 5, 25):
            window = cut_window(real, seconds)
            assert window is not None
            assert np.isfinite(window.samples).all()
            ends_sooner += seconds == 25 and window.ends_after_p_s < 24.99
    assert ends_sooner == 23

import numpy as np
import pytest
from numpy.testing import assert_allclose

from umamba_rt.training.synthetic.grid import fine_grid
from umamba_rt.training.synthetic.source import (
    LOCAL_MAGNITUDE_LIMIT,
    LONGEST_S,
    corner_hz,
    draw_radiation,
    draw_rupture,
    moment_magnitude,
    seismic_moment_n_m,
    source_spectrum,
)


def test_corner_frequency_is_that_of_boore_2003() -> None:
    # 4.9e6 beta (stress / M0)^(1/3) in km/s, bar and dyne cm.
    moment_dyne_cm = seismic_moment_n_m(5.0) * 1e7
    expected = 4.906e6 * 3.5 * (50.0 / moment_dyne_cm) ** (1 / 3)
    assert corner_hz(seismic_moment_n_m(5.0), 50e5, 3500.0) == pytest.approx(expected, rel=1e-3)


def test_two_magnitudes_are_a_thousandfold_in_moment() -> None:
    assert seismic_moment_n_m(6.0) / seismic_moment_n_m(4.0) == pytest.approx(1000.0)


def test_labels_of_small_events_are_local_magnitudes() -> None:
    assert moment_magnitude(5.2) == 5.2
    assert moment_magnitude(LOCAL_MAGNITUDE_LIMIT - 1e-9) == pytest.approx(LOCAL_MAGNITUDE_LIMIT)
    slope = moment_magnitude(2.0) - moment_magnitude(1.0)
    assert 2 / 3 <= slope < 1.0


def test_radiation_has_the_mean_squares_of_a_double_couple() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_radiation(rng) for _ in range(4000)]
    assert np.mean([r.p**2 for r in drawn]) == pytest.approx(4 / 15, rel=0.05)
    assert np.mean([r.sv**2 + r.sh**2 for r in drawn]) == pytest.approx(2 / 5, rel=0.05)


@pytest.mark.parametrize("mw", [2.0, 5.0, 6.4, 7.5])
def test_a_rupture_has_its_moment_and_its_high_frequencies(mw: float) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        rupture = draw_rupture(rng, mw, 3500.0)
        assert rupture.weight.sum() == pytest.approx(1.0)
        assert rupture.delay_s[0] == 0.0
        assert (np.diff(rupture.delay_s) >= 0).all()
        level = np.sum((rupture.weight * rupture.subevent_hz**2) ** 2)
        assert level == pytest.approx(rupture.corner_hz**4, rel=1e-6)


def test_large_ruptures_last_as_long_as_real_ones() -> None:
    rng = np.random.default_rng(2)
    medians = {
        mw: np.median([draw_rupture(rng, mw, 3500.0).duration_s for _ in range(200)])
        for mw in (4.0, 5.5, 6.4, 7.5)
    }
    assert medians[4.0] == 0.0
    assert 0.5 < medians[5.5] < 4.0
    assert 3.0 < medians[6.4] < 12.0
    assert 15.0 < medians[7.5] <= LONGEST_S


def test_the_first_second_of_a_large_rupture_does_not_hold_its_moment() -> None:
    rng = np.random.default_rng(3)
    shares = []
    for _ in range(50):
        rupture = draw_rupture(rng, 7.0, 3500.0)
        shares.append(rupture.weight[rupture.delay_s < 1.0].sum())
    assert np.median(shares) < 0.01


def test_a_single_pulse_is_omega_square() -> None:
    grid = fine_grid(8192)
    one = np.ones(1)
    spectrum = np.abs(source_spectrum(grid, np.array([2.0]), one, np.zeros(1)))
    assert_allclose(spectrum, 1.0 / (1.0 + (grid.hz / 2.0) ** 2), rtol=1e-4)


def test_subevents_add_up_to_the_whole_moment() -> None:
    grid = fine_grid(12288)
    rupture = draw_rupture(np.random.default_rng(4), 6.5, 3500.0)
    spectrum = source_spectrum(grid, rupture.subevent_hz, rupture.weight, rupture.delay_s)
    assert abs(spectrum[0]) == pytest.approx(1.0, rel=1e-4)
    assert np.abs(spectrum[grid.hz > 10.0]).max() < 0.02

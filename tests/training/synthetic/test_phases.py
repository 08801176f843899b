import numpy as np
import pytest

from umamba_rt.core.calibration import Unit
from umamba_rt.training.synthetic.checks import perfect, simulate
from umamba_rt.training.synthetic.generate import P_SAMPLE


@pytest.mark.parametrize("unit", ["m/s", "m/s^2"])
@pytest.mark.parametrize("magnitude", [2.0, 4.0])
def test_nothing_precedes_p(unit: Unit, magnitude: float) -> None:
    rng = np.random.default_rng(0)
    for epicentral_km in (10.0, 60.0, 150.0):
        motion, _ = simulate(rng, magnitude, epicentral_km, 9.0, perfect(unit))
        first = np.abs(motion[:, P_SAMPLE : P_SAMPLE + 100]).max()
        assert np.abs(motion[:, : P_SAMPLE - 10]).max() < 0.02 * first


def test_s_is_stronger_than_p_and_most_on_the_horizontals() -> None:
    rng = np.random.default_rng(1)
    ratios = []
    for _ in range(40):
        motion, arrival = simulate(rng, 3.0, 60.0, 9.0, perfect("m/s"))
        s = P_SAMPLE + round((arrival.path.s_s - arrival.path.p_s) * 100)
        p_z, p_n, _ = motion[:, P_SAMPLE : s - 20].std(axis=1)
        s_z, s_n, s_e = motion[:, s : s + 600].std(axis=1)
        ratios.append(np.log([np.hypot(s_n, s_e) / p_z, np.hypot(s_n, s_e) / s_z, p_z / p_n]))
    s_to_p, s_to_vertical, p_to_horizontal = np.exp(np.median(ratios, axis=0))
    assert 2.0 < s_to_p < 12.0
    assert 1.7 < s_to_vertical < 5.0
    assert p_to_horizontal > 1.2


def test_a_large_rupture_is_still_small_in_its_first_second() -> None:
    rng = np.random.default_rng(2)
    growth = []
    for _ in range(30):
        motion, _ = simulate(rng, 7.0, 60.0, 9.0, perfect("m/s^2"))
        first = motion[0, P_SAMPLE : P_SAMPLE + 100].std()
        growth.append(motion[0, P_SAMPLE + 400 : P_SAMPLE + 700].std() / first)
    assert np.median(growth) > 4.0


@pytest.mark.parametrize("unit", ["m/s", "m/s^2"])
def test_far_large_earthquakes_do_not_come_round_the_transform(unit: Unit) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        motion, _ = simulate(rng, 7.5, 290.0, 9.0, perfect(unit))
        assert not motion[:, : P_SAMPLE - 50].any()
        before = np.abs(motion[:, P_SAMPLE - 50 : P_SAMPLE]).max()
        assert before < 6e-3 * np.abs(motion).max()

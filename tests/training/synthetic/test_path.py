import numpy as np
import pytest

from umamba_rt.training.synthetic.grid import COARSE_HZ
from umamba_rt.training.synthetic.path import draw_path


@pytest.mark.parametrize(
    ("epicentral_km", "low_s", "high_s"), [(10, 1, 3), (50, 5, 8), (100, 10, 14)]
)
def test_s_follows_p_as_in_the_crust(epicentral_km: float, low_s: float, high_s: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        path = draw_path(rng, epicentral_km, 10.0)
        assert low_s < path.s_s - path.p_s < high_s


def test_the_head_wave_comes_first_only_far_away() -> None:
    rng = np.random.default_rng(1)
    near = [draw_path(rng, 100.0, 10.0) for _ in range(50)]
    far = [draw_path(rng, 250.0, 10.0) for _ in range(50)]
    assert all(path.p_main_s == path.p_s for path in near)
    assert all(path.p_main_s > path.p_s + 0.5 for path in far)
    assert all(path.s_main_s > path.s_s for path in far)


def test_deep_earthquakes_send_no_head_wave_and_lose_less() -> None:
    rng = np.random.default_rng(2)
    deep = [draw_path(rng, 100.0, 100.0) for _ in range(50)]
    crust = [draw_path(rng, 140.0, 10.0) for _ in range(50)]
    assert all(path.p_main_s == path.p_s for path in deep)
    assert np.median([p.q_0 for p in deep]) > 2 * np.median([p.q_0 for p in crust])


def test_shear_waves_spread_as_a_body_wave_and_then_as_a_surface_wave() -> None:
    path = draw_path(np.random.default_rng(3), 50.0, 10.0)
    log_s = path.log_spreading(np.array([1.0, 10.0, 100.0, 200.0]), shear=True)
    assert log_s[0] == 0.0
    assert log_s[1] == pytest.approx(-path.near_exponent * np.log(10.0))
    assert log_s[3] - log_s[2] == pytest.approx(-0.5 * np.log(2.0))
    assert (path.log_spreading(np.array([200.0]), shear=False) < log_s[3]).all()


def test_attenuation_grows_with_frequency_and_distance() -> None:
    path = draw_path(np.random.default_rng(4), 50.0, 10.0)
    loss = path.log_attenuation(100.0, shear=True)
    assert (np.diff(loss) < 0).all()
    np.testing.assert_allclose(path.log_attenuation(200.0, shear=True), 2 * loss)
    at_1_hz = np.interp(0.0, np.log(COARSE_HZ), loss)
    assert at_1_hz == pytest.approx(-np.pi * 100.0 / (path.q_0 * path.beta_m_s / 1e3), rel=0.01)

import numpy as np

from umamba_rt.training.synthetic.grid import COARSE_HZ
from umamba_rt.training.synthetic.site import draw_site


def test_the_median_site_lies_near_generic_rock_of_boore_and_joyner() -> None:
    rng = np.random.default_rng(0)
    sites = np.array([draw_site(rng).log_s for _ in range(2000)])
    at = np.exp(np.median(sites, axis=0))
    # Generic rock: 1.42 at 0.51 Hz, 2.06 at 2.26 Hz with kappa 0.035 s: 1.34 and 1.61.
    assert 1.1 < np.interp(0.51, COARSE_HZ, at) < 1.7
    assert 1.3 < np.interp(2.26, COARSE_HZ, at) < 2.1
    assert np.interp(30.0, COARSE_HZ, at) < 0.5


def test_sites_differ_as_stations_do() -> None:
    rng = np.random.default_rng(1)
    sites = np.array([draw_site(rng).log_s for _ in range(2000)]) / np.log(10.0)
    spread = sites.std(axis=0)[(COARSE_HZ > 0.3) & (COARSE_HZ < 8.0)]
    assert spread.min() > 0.12
    assert spread.max() < 0.30


def test_the_vertical_is_amplified_less() -> None:
    rng = np.random.default_rng(2)
    sites = [draw_site(rng) for _ in range(500)]
    ratio = np.mean([site.log_s_vertical - site.log_s for site in sites], axis=0)
    assert (ratio[(COARSE_HZ > 0.3) & (COARSE_HZ < 5.0)] < -0.1).all()

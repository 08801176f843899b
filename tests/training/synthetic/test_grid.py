import numpy as np
import pytest
from numpy.testing import assert_allclose

from umamba_rt.training.synthetic.grid import COARSE_HZ, RATE_HZ, fine_grid

ATTENUATION = -np.pi * COARSE_HZ * 0.08


@pytest.mark.parametrize("size", [8192, 12288])
def test_a_curve_is_found_again_between_its_points(size: int) -> None:
    grid = fine_grid(size)
    above = grid.hz >= 0.1
    assert_allclose(
        grid.zero_phase(ATTENUATION)[above], np.exp(-np.pi * 0.08 * grid.hz[above]), rtol=0.03
    )


def test_the_causal_spectrum_has_the_same_amplitude() -> None:
    grid = fine_grid(8192)
    assert_allclose(np.abs(grid.causal(ATTENUATION)), grid.zero_phase(ATTENUATION), rtol=1e-3)


def test_nothing_precedes_the_onset_of_a_causal_spectrum() -> None:
    grid = fine_grid(8192)
    at = 3000
    pulse = np.exp(-2j * np.pi * grid.hz * (at / RATE_HZ)) / (1 + 1j * grid.hz / 8.0) ** 2
    causal = np.abs(np.fft.irfft(pulse * grid.causal(ATTENUATION)))
    centred = np.abs(np.fft.irfft(pulse * grid.zero_phase(ATTENUATION)))
    assert causal[: at - 5].max() < 1e-3 * causal.max()
    assert centred[: at - 5].max() > 1e-2 * centred.max()

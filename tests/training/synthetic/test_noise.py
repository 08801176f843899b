import numpy as np
import pytest
from numpy.testing import assert_allclose
from obspy.signal.spectral_estimation import get_nhnm, get_nlnm
from scipy.signal import welch

from umamba_rt.training.synthetic import noise
from umamba_rt.training.synthetic.checks import perfect
from umamba_rt.training.synthetic.grid import COARSE_HZ, RATE_HZ
from umamba_rt.training.synthetic.noise import (
    HIGH_NOISE_DB,
    LOW_NOISE_DB,
    NHNM,
    NLNM,
    NoiseLibrary,
    coloured_noise,
    cut_noise,
    draw_noise_psd,
    peterson_db,
    psd_of,
)


@pytest.mark.parametrize(("table", "theirs"), [(NLNM, get_nlnm), (NHNM, get_nhnm)])
def test_the_models_are_petersons(table: np.ndarray, theirs: object) -> None:
    assert callable(theirs)
    period, level_db = (np.asarray(values) for values in theirs())
    mine = period < 200.0
    assert_allclose(peterson_db(table, 1.0 / period[mine]), level_db[mine], atol=1e-3)


def test_coloured_noise_has_the_density_asked_for() -> None:
    rng = np.random.default_rng(0)
    psd = draw_noise_psd(rng, perfect("m/s^2"))
    many = np.concatenate([coloured_noise(rng, psd, 8192) for _ in range(30)])
    hz, density = welch(many.astype(np.float64), RATE_HZ, nperseg=2048)
    inside = (hz > 0.5) & (hz < 35.0)
    expected = np.interp(np.log(hz[inside]), np.log(COARSE_HZ), np.log(psd))
    assert_allclose(np.log(density.mean(axis=0)[inside]), expected, atol=0.15)


def test_stations_lie_between_the_noise_models() -> None:
    rng = np.random.default_rng(1)
    drawn = np.array([draw_noise_psd(rng, perfect("m/s^2")) for _ in range(200)])
    # The filter against aliases takes the top octave.
    band = (COARSE_HZ > 0.02) & (COARSE_HZ < 20.0)
    level_db = 10 * np.log10(np.median(drawn, axis=0))[band]
    assert (level_db > LOW_NOISE_DB[band]).all()
    assert (level_db < HIGH_NOISE_DB[band]).all()


def test_a_density_is_measured_as_it_was_made() -> None:
    rng = np.random.default_rng(2)
    psd = draw_noise_psd(rng, perfect("m/s"))
    measured = np.mean([np.log(psd_of(coloured_noise(rng, psd, 8192))) for _ in range(20)], axis=0)
    band = (COARSE_HZ > 0.3) & (COARSE_HZ < 30.0)
    assert_allclose(measured[band], np.log(psd)[band], atol=0.6)


def test_a_library_keeps_records_by_unit_without_their_mean() -> None:
    library = NoiseLibrary.of([("m/s", np.full((2, 3, 50), 7.0)), ("m/s", np.ones((3, 80)))])
    assert [record.shape for record in library.of_unit("m/s")] == [(3, 50), (3, 50), (3, 80)]
    assert library.of_unit("m/s^2") == ()
    assert not library.of_unit("m/s")[0].any()


@pytest.mark.parametrize("array", [np.ones((2, 4, 9)), np.ones(9), np.full((3, 9), np.nan)])
def test_a_library_refuses_what_is_no_noise(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match="noise in m/s"):
        NoiseLibrary.of([("m/s", array)])


@pytest.mark.parametrize("length", [40, 100, 450])
def test_noise_is_cut_or_mirrored_to_length(length: int) -> None:
    rng = np.random.default_rng(3)
    record = rng.normal(size=(3, 100)).astype(np.float32)
    piece = cut_noise(rng, [record], length)
    assert piece.shape == (3, length)
    gain = np.abs(piece).max() / np.abs(record).max() if length >= 100 else 1.0
    assert 0.69 < gain < 1.51
    assert noise.psd_of(piece).shape == COARSE_HZ.shape

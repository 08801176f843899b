import numpy as np
import pytest

from umamba_rt.training.synthetic.grid import COARSE_HZ, fine_grid
from umamba_rt.training.synthetic.instrument import Instrument, draw_instrument

GRID = fine_grid(8192)


def made(unit: str, corner_hz: float = 0.0, rate_hz: float = 100.0) -> Instrument:
    assert unit in ("m/s", "m/s^2")
    return Instrument(
        "m/s" if unit == "m/s" else "m/s^2", corner_hz, rate_hz, None, -200.0, 1.0, (1, 1, 1)
    )


@pytest.mark.parametrize(("unit", "power"), [("m/s", 1), ("m/s^2", 2)])
def test_the_output_is_the_derivative_of_the_ground(unit: str, power: int) -> None:
    at = int(np.searchsorted(GRID.hz, 3.0))
    expected = (2j * np.pi * GRID.hz[at]) ** power
    assert made(unit).response(GRID)[at] == pytest.approx(expected, rel=1e-3)


def test_a_geophone_is_3_db_down_at_its_corner() -> None:
    impulse = np.zeros((3, 8192), dtype=np.float32)
    impulse[:, 0] = 1.0
    assert made("m/s").through_corner(impulse) is impulse
    gain = np.abs(np.fft.rfft(made("m/s", 2.0).through_corner(impulse)[0]))
    assert np.interp(2.0, GRID.hz, gain) == pytest.approx(np.sqrt(0.5), rel=0.01)
    assert np.interp(0.2, GRID.hz, gain) == pytest.approx(0.01, rel=0.05)
    assert np.interp(20.0, GRID.hz, gain) == pytest.approx(1.0, rel=0.01)


def test_a_slow_digitiser_records_nothing_above_its_nyquist_frequency() -> None:
    gain = np.abs(made("m/s", rate_hz=20.0).response(GRID)[1:] / (2 * np.pi * GRID.hz[1:]))
    assert np.interp(5.0, GRID.hz[1:], gain) == pytest.approx(1.0, rel=0.01)
    assert np.interp(12.0, GRID.hz[1:], gain) < 0.03


def test_a_providers_band_takes_both_ends() -> None:
    band = Instrument("m/s^2", 0.0, 100.0, (0.1, 20.0, 2), -200.0, 1.0, (1, 1, 1))
    gain = np.exp(band.log_filters())
    assert np.interp(0.1, COARSE_HZ, gain) == pytest.approx(0.5, rel=0.05)
    assert np.interp(20.0, COARSE_HZ, gain) == pytest.approx(0.5, rel=0.05)


def test_the_response_to_acceleration_agrees_with_that_to_displacement() -> None:
    sensor = made("m/s", 1.0)
    corner = 1.0 / np.sqrt(1.0 + (1.0 / GRID.hz[1:]) ** 4)
    full = np.abs(sensor.response(GRID)[1:]) * corner / (2 * np.pi * GRID.hz[1:]) ** 2
    coarse = np.interp(np.log(GRID.hz[1:]), np.log(COARSE_HZ), sensor.log_from_acceleration())
    below = GRID.hz[1:] < 40.0
    np.testing.assert_allclose(np.log(full[below]), coarse[below], atol=0.02)


def test_instruments_are_drawn_as_networks_run_them() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_instrument(rng, 0.45) for _ in range(3000)]
    assert np.mean([d.unit == "m/s^2" for d in drawn]) == pytest.approx(0.45, abs=0.03)
    gains = np.log10([d.gain[0] for d in drawn])
    assert np.mean(np.abs(gains) > 0.25) == pytest.approx(0.02, abs=0.01)
    assert {d.native_rate_hz for d in drawn} == {20.0, 31.25, 40.0, 50.0, 100.0, 200.0}

from __future__ import annotations

import math

import numpy as np
import pytest
from obspy.signal.invsim import simulate_seismometer
from scipy.signal import butter, sosfiltfilt

from tests.training.records import record
from umamba_rt.core.calibration import Unit
from umamba_rt.training.windows import cut_window
from umamba_rt.training.wood_anderson import local_magnitude, wood_anderson

# As IASPEI gives it for ground displacement; obspy's own simulation is of any input.
PAZ = {
    "poles": [-5.49779 - 5.60886j, -5.49779 + 5.60886j],
    "zeros": [0j],
    "gain": 1.0,
    "sensitivity": 1.0,
}


def sine(hz: float, amplitude: float, samples: int = 6000) -> np.ndarray:
    """A component pair of ground velocity."""
    return np.stack([amplitude * np.sin(2 * np.pi * hz * np.arange(samples) / 100)] * 2)


@pytest.mark.parametrize("unit", ["m/s", "m/s^2"])
def test_simulation_equals_obspys(unit: Unit) -> None:
    # Above 4 Hz, where the phase of our high-pass at 0.1 Hz is under 0.04.
    band = butter(4, (4, 30), "bandpass", fs=100, output="sos")
    noise = np.random.default_rng(0).normal(0, 1, (1, 6000))
    motion = sosfiltfilt(band, noise) * np.hanning(6000)
    paz = {**PAZ, "zeros": PAZ["zeros"] if unit == "m/s" else []}
    theirs = simulate_seismometer(
        motion[0], 100.0, paz_simulate=paz, zero_mean=False, taper=False, nfft_pow2=False
    )
    ours = wood_anderson(motion, unit)[0]
    assert np.abs(ours - theirs).max() < 0.04 * np.abs(theirs).max()


def test_fast_motion_is_displacement_of_the_mass() -> None:
    # 10 Hz lies far above the seismometer's 1.25 Hz: the mass stands still in space.
    displacement = wood_anderson(sine(10, 1e-3), "m/s")[0, 2000:4000]
    assert np.abs(displacement).max() == pytest.approx(1e-3 / (2 * np.pi * 10), rel=0.02)


def test_acceleration_gives_the_same_as_velocity() -> None:
    velocity = sine(3, 1e-3)
    acceleration = np.gradient(velocity, 0.01, axis=1)
    a, b = wood_anderson(velocity, "m/s"), wood_anderson(acceleration, "m/s^2")
    assert np.abs(a - b)[:, 500:-500].max() < 0.02 * np.abs(a).max()


def test_magnitude_of_a_known_amplitude_by_hand() -> None:
    hz, amplitude = 10.0, 1e-3
    array = np.concatenate([np.zeros((1, 9000)), sine(hz, amplitude, 9000)])
    window = cut_window(record(array=array), 25)
    assert window is not None
    # 60 km and 80 km deep: R = 100 km, where ML is log10 A[nm] + 2.22 + 0.189 - 2.09.
    a_nm = amplitude / (2 * math.pi * hz) * 1e9
    expected = math.log10(a_nm) + 1.11 * 2 + 0.189 - 2.09
    assert local_magnitude(window, 60, 80) == pytest.approx(expected, abs=0.02)


def test_hundred_kilometres_and_one_millimetre_are_magnitude_three() -> None:
    # Richter's anchor, in the gain of 2080 that IASPEI's constants are of.
    assert math.log10(1e6 / 2080) + 1.11 * 2 + 0.189 - 2.09 == pytest.approx(3, abs=0.01)


def test_no_magnitude_without_unit_distance_or_motion() -> None:
    assert math.isnan(local_magnitude(cut(unit="counts"), 50, 10))
    assert math.isnan(local_magnitude(cut(), math.nan, 10))
    assert math.isnan(local_magnitude(cut(array=np.zeros((3, 9000))), 50, 10))
    assert local_magnitude(cut(), 50, math.nan) == local_magnitude(cut(), 50, 10)


def cut(unit: Unit = "m/s", array: np.ndarray | None = None):  # type: ignore[no-untyped-def]
    return cut_window(record(unit=unit, array=array), 25)

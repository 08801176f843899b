"""The classical estimate: local magnitude from the amplitude of a Wood-Anderson seismometer."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from obspy.signal.invsim import paz_to_freq_resp

from umamba_rt.core.calibration import Unit
from umamba_rt.core.timebase import RATE_HZ
from umamba_rt.training.windows import CutWindow

# IASPEI's constants, of a gain of 2,080 (Uhrhammer and Collins, 1990), here divided out.
_POLES = (-5.49779 - 5.60886j, -5.49779 + 5.60886j)
# Ground displacement to mass displacement has two zeros at 0; velocity one; acceleration none.
_ZEROS = {"m/s": (0j,), "m/s^2": ()}
# The seismometer passes an accelerometer's drift: displacement of ground below this is left out.
_LOW_HZ = 0.1
_NM_PER_M = 1e9
_HORIZONTALS = slice(1, 3)
_TAPER = RATE_HZ  # samples


def local_magnitude(window: CutWindow, distance_km: float, depth_km: float) -> float:
    """ML of one window, with the distance that the catalogue gives.

    The mean over both horizontals of each one's log10 of the largest amplitude, whatever of the
    waves has arrived: soon after P it is low.

    Args:
        window: cut from an earthquake's record.
        distance_km: epicentral distance.
        depth_km: NaN: taken for 10 km.

    Returns:
        NaN where the unit or the distance is not known, or a horizontal is dead.

    Source: Hutton and Boore (1987), BSSA 77, 2074-2094, as IASPEI (2013) writes it for amplitudes
    in nm: ML = log10 A + 1.11 log10 R + 0.00189 R - 2.09, R the hypocentral distance in km.
    """
    unit = window.calibration.unit
    if unit == "counts" or math.isnan(distance_km):
        return math.nan
    motion = window.samples[_HORIZONTALS].astype(np.float64) / window.calibration.counts_per_unit[0]
    peaks_nm = np.abs(wood_anderson(motion, unit)).max(axis=1) * _NM_PER_M
    if not (peaks_nm > 0).all():
        return math.nan
    range_km = math.hypot(distance_km, 10.0 if math.isnan(depth_km) else max(depth_km, 0.0))
    range_km = max(range_km, 1.0)
    distance_term = 1.11 * math.log10(range_km) + 0.00189 * range_km - 2.09
    return float(np.log10(peaks_nm).mean()) + distance_term


def wood_anderson(motion: NDArray[np.float64], unit: Unit) -> NDArray[np.float64]:
    """Displacement of the mass of a Wood-Anderson seismometer of gain 1, m.

    Args:
        motion: shape ``(k, n)``, ground motion in ``unit`` at 100 Hz.
        unit: ``m/s`` or ``m/s^2``.
    """
    n = motion.shape[1]
    detrended = motion - motion.mean(axis=1, keepdims=True)
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(min(_TAPER, n)) / _TAPER)
    detrended[:, : len(ramp)] *= ramp  # the front alone: at the end the wave may just be there
    size = 2 * n  # zeros behind it, so that the end does not come round to the front
    spectrum = np.fft.rfft(detrended, size) * _response(size, unit)
    return np.fft.irfft(spectrum, size)[:, :n]


@cache
def _response(size: int, unit: Unit) -> NDArray[np.complex128]:
    """Of the frequencies of ``rfft``; a second-order high-pass at 0.1 Hz is in it."""
    frequency = np.fft.rfftfreq(size, 1 / RATE_HZ)
    response = paz_to_freq_resp(_POLES, _ZEROS[unit], 1.0, 1 / RATE_HZ, size)
    ratio = frequency / _LOW_HZ
    high_pass = -(ratio**2) / (1 + 1j * math.sqrt(2) * ratio - ratio**2)
    return np.asarray(response * high_pass, dtype=np.complex128)

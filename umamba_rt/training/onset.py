"""The P onset near the time that a travel time tells, found in the samples themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from obspy.signal.trigger import aic_simple, recursive_sta_lta
from scipy.signal import butter, sosfilt

from umamba_rt.core.timebase import RATE_HZ

_BAND_HZ = (1.0, 20.0)
_STA, _LTA = RATE_HZ // 2, 8 * RATE_HZ
# Where the ratio first passes it an onset is searched; recursive STA/LTA of noise stays below 2.5.
_TRIGGER = 4.0
_AIC_BEFORE, _AIC_AFTER = 2 * RATE_HZ, RATE_HZ // 2
_SNR_SPAN = 5 * RATE_HZ
_SOS = butter(2, _BAND_HZ, "bandpass", fs=RATE_HZ, output="sos")


@dataclass(frozen=True, slots=True)
class Onset:
    """A pick.

    Attributes:
        sample: index of the onset.
        snr_db: root mean square of the 5 s behind it over that of the 5 s before it, 1 to 20 Hz.
    """

    sample: int
    snr_db: float


def find_onset(vertical: NDArray[np.floating], predicted: int, tolerance_s: float) -> Onset | None:
    """Pick P.

    STA/LTA says that something begins within the tolerance, Akaike's information criterion where.

    Args:
        vertical: shape ``(n,)``, at 100 Hz, any unit, finite.
        predicted: index that the travel time tells.
        tolerance_s: how far from it the onset may lie.

    Returns:
        None where nothing begins there, or 13 s before or 6 s behind are not in the samples.

    Source: Withers et al. (1998), BSSA 88, 95-106 (STA/LTA); Maeda (1985), Zisin 38, 365-379
    (the criterion on the samples themselves); both as in obspy.
    """
    tolerance = round(tolerance_s * RATE_HZ)
    first, last = predicted - tolerance, predicted + tolerance
    if first < _LTA + _SNR_SPAN or last + _SNR_SPAN + RATE_HZ > len(vertical):
        return None
    motion = sosfilt(_SOS, vertical.astype(np.float64) - float(vertical[0]))
    start = first - _LTA
    ratio = recursive_sta_lta(motion[start : last + RATE_HZ], _STA, _LTA)[_LTA:]
    above = np.flatnonzero(ratio > _TRIGGER)
    if len(above) == 0:
        return None
    trigger = first + int(above[0])
    low = max(trigger - _AIC_BEFORE, 0)
    criterion = aic_simple(motion[low : trigger + _AIC_AFTER])
    # Its ends are no minima but the sums' own.
    sample = low + 10 + int(np.argmin(criterion[10:-10]))
    if not first <= sample <= last:
        return None
    return Onset(sample, _snr_db(motion, sample))


def _snr_db(motion: NDArray[np.float64], sample: int) -> float:
    noise = float(motion[sample - _SNR_SPAN : sample].std())
    signal = float(motion[sample : sample + _SNR_SPAN].std())
    if noise <= 0 or signal <= 0:
        return math.nan
    return 20 * math.log10(signal / noise)

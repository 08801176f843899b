"""Published ground-motion relations that the synthetics are held to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from umamba_rt.training.synthetic.grid import Float64Array


@dataclass(frozen=True, slots=True)
class _Coefficients:
    e0: float
    e4: float
    e5: float
    e6: float
    hinge: float
    c1: float
    c2: float
    c3: float
    h_km: float
    c_site: float
    sigma_ln: float


# Boore, Stewart, Seyhan and Atkinson (2014), Earthquake Spectra 30, tables 2 and 3: fault type
# unspecified; sigma of M5.5 and above.
_BSSA14 = {
    "pga_g": _Coefficients(
        0.4473, 1.431, 0.05053, -0.1662, 5.5, -1.134, 0.1917, -0.008088, 4.5, -0.6, 0.605
    ),
    "pgv_cm_s": _Coefficients(
        5.037, 1.073, -0.1536, 0.2252, 6.2, -1.243, 0.1489, -0.00344, 5.3, -0.84, 0.651
    ),
}
Measure = Literal["pga_g", "pgv_cm_s"]


def bssa14_log10(
    measure: Measure, magnitude: float, distance_km: Float64Array, vs30_m_s: float = 500.0
) -> Float64Array:
    """Median peak of a horizontal component.

    Args:
        measure: ``pga_g`` (g) or ``pgv_cm_s`` (cm/s).
        magnitude: Mw, 3 to 8.
        distance_km: Joyner-Boore distance.
        vs30_m_s: of the site; its linear amplification alone.

    Returns:
        log10 of the peak.

    Source: Boore et al. (2014), eq. 1 to 6.
    """
    c = _BSSA14[measure]
    above = magnitude - c.hinge
    scaling = c.e6 * above if above > 0 else c.e4 * above + c.e5 * above**2
    r = np.hypot(distance_km, c.h_km)
    path = (c.c1 + c.c2 * (magnitude - 4.5)) * np.log(r) + c.c3 * (r - 1.0)
    site = c.c_site * np.log(vs30_m_s / 760.0)
    return np.asarray((c.e0 + scaling + path + site) / np.log(10.0))


def bssa14_sigma_log10(measure: Measure) -> float:
    """Total standard deviation, log10, for M5.5 and above."""
    return _BSSA14[measure].sigma_ln / float(np.log(10.0))


def hutton_boore_ml(amplitude_mm: float, distance_km: float) -> float:
    """Local magnitude of a Wood-Anderson amplitude (gain 2,080).

    Source: Hutton and Boore (1987), BSSA 77, eq. 4: ML = log A + 1.110 log (R/100) +
    0.00189 (R - 100) + 3.0, R the hypocentral distance.
    """
    term = 1.110 * np.log10(distance_km / 100.0) + 0.00189 * (distance_km - 100.0)
    return float(np.log10(amplitude_mm) + term + 3.0)

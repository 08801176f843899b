"""The source: moment, corner frequency, radiation, and a rupture that grows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from umamba_rt.training.synthetic.grid import (
    RATE_HZ,
    Complex64Array,
    FineGrid,
    Float64Array,
)

# A label below it is a local magnitude, above it a moment magnitude; the two meet there.
LOCAL_MAGNITUDE_LIMIT = 3.5
_LOCAL_SLOPE = 0.77
# Median stress drop by moment magnitude, and its spread; see ``draw_rupture``.
_STRESS_MW = (2.5, 5.2)
_STRESS_LOG10_PA = (6.45, 7.15)
STRESS_DROP_LOG10 = 0.25
SMALLEST_SUBDIVIDED = 4.5
MOST_SUBEVENTS = 40
LONGEST_S = 45.0


def moment_magnitude(label: float) -> float:
    """Mw of a catalogue magnitude: ``0.73 ML + 0.945`` below 3.5, the label itself above.

    Catalogues give small events a local magnitude, whose amplitude follows the moment (slope
    2/3) once attenuation hides the corner frequency.

    Source: slope 2/3 in Munafo, Malagnini and Chiaraluce (2016), BSSA 106; 0.70 and 0.73 with
    intercepts 0.96 and 0.99 in Pena Castro et al., Seismica 5(1), Raton Basin. The real train
    records choose 0.73 (docs/synthetics.md).
    """
    if label >= LOCAL_MAGNITUDE_LIMIT:
        return label
    return LOCAL_MAGNITUDE_LIMIT + _LOCAL_SLOPE * (label - LOCAL_MAGNITUDE_LIMIT)


def seismic_moment_n_m(mw: float) -> float:
    """Moment of a moment magnitude. Source: Hanks and Kanamori (1979), JGR 84."""
    return float(10.0 ** (1.5 * mw + 9.1))


def corner_hz(moment_n_m: float, stress_drop_pa: float, beta_m_s: float) -> float:
    """S corner frequency of an omega-square source.

    Source: Brune (1970, 1971), JGR 75 and 76: ``fc = 4.9e6 beta (stress/M0)^(1/3)`` in km/s,
    bar and dyne cm (Boore 2003, eq. 4), which is 0.49 in SI units.
    """
    return 0.4906 * beta_m_s * float(np.cbrt(stress_drop_pa / moment_n_m))


@dataclass(frozen=True, slots=True)
class Radiation:
    """Amplitude factors of the three waves for one orientation of the fault."""

    p: float
    sv: float
    sh: float


def draw_radiation(rng: np.random.Generator, isotropic: float = 0.4) -> Radiation:
    """A double couple of random orientation, its nodes filled in by scattering.

    Args:
        rng: source of randomness.
        isotropic: share of the energy that scattering makes independent of direction.

    Source: Aki and Richards (2002), eq. 4.33; mean squares 4/15 for P and 2/5 for S.
    Scattering fills nodes above about 1 Hz: Takemura et al. (2009), GJI 178.
    """
    cos_theta, phi = rng.uniform(-1.0, 1.0), rng.uniform(0.0, 2 * np.pi)
    sin_theta = np.sqrt(1.0 - cos_theta**2)
    raw = np.array(
        [
            2 * sin_theta * cos_theta * np.cos(phi),
            (2 * cos_theta**2 - 1.0) * np.cos(phi),
            -cos_theta * np.sin(phi),
        ]
    )
    mean_square = np.array([4 / 15, 7 / 30, 1 / 6])
    size = np.sqrt((1.0 - isotropic) * raw**2 + isotropic * mean_square)
    p, sv, sh = np.copysign(size, raw)
    return Radiation(float(p), float(sv), float(sh))


@dataclass(frozen=True, slots=True)
class Rupture:
    """A rupture as a sum of omega-square subevents along a line.

    Attributes:
        moment_n_m: of the whole.
        corner_hz: S corner of the whole, were it one subevent.
        weight: of each subevent, sum 1.
        delay_s: of each from the first.
        position_km: of each along the fault from the first.
        subevent_hz: S corner of each.
        duration_s: from the first subevent to the last.
    """

    moment_n_m: float
    corner_hz: float
    weight: Float64Array
    delay_s: Float64Array
    position_km: Float64Array
    subevent_hz: Float64Array
    duration_s: float


def draw_rupture(rng: np.random.Generator, mw: float, beta_m_s: float) -> Rupture:
    """A rupture whose first seconds do not hold its final size.

    Below M4.5 one Brune pulse. Above, subevents of one stress drop over 0.6 to 2 corner periods.
    Their corners are raised so that the high-frequency level is that of the whole source's
    omega-square spectrum, whatever their number. The median stress drop is 2.8 MPa up to
    M2.5, 14 MPa from M5.2 on and log-linear between, as the real train records want
    (docs/synthetics.md); its spread is 0.25 in log10.

    Source: subevents after Frankel (1995), BSSA 85; duration 1/fc after Hanks and McGuire
    (1981), BSSA 71; stress drops that grow with magnitude: Yenier and Atkinson (2015), BSSA 105.
    """
    moment = seismic_moment_n_m(mw)
    median = float(np.interp(mw, _STRESS_MW, _STRESS_LOG10_PA))
    stress = 10.0 ** (median + rng.normal(0.0, STRESS_DROP_LOG10))
    corner = corner_hz(moment, stress, beta_m_s)
    if mw < SMALLEST_SUBDIVIDED:
        one, zero = np.ones(1), np.zeros(1)
        return Rupture(moment, corner, one, zero, zero, np.array([corner]), 0.0)
    duration = float(np.clip(rng.lognormal(np.log(1.1), 0.3), 0.6, 2.0)) / corner
    duration = min(duration, LONGEST_S)
    weight, delay = _subevents(rng, mw, duration)
    raised = float(np.sum(weight ** (2 / 3))) ** -0.25
    side = np.where(rng.random(delay.size) < rng.choice([0.1, 0.5, 0.9]), 1.0, -1.0)
    velocity_km_s = rng.uniform(0.65, 0.85) * beta_m_s / 1e3
    return Rupture(
        moment_n_m=moment,
        corner_hz=corner,
        weight=weight,
        delay_s=delay,
        position_km=side * velocity_km_s * delay,
        subevent_hz=corner * raised * weight ** (-1 / 3),
        duration_s=duration,
    )


def _subevents(
    rng: np.random.Generator, mw: float, duration_s: float
) -> tuple[Float64Array, Float64Array]:
    """Moment shares and times of subevents.

    The first fifth grows as a self-similar crack does, whose moment is that of time cubed:
    subevents at halving times down to 0.1 s. Without them the first second of an M7.7 was ten
    times too strong.
    """
    mean = 10.0 ** (0.55 * (mw - 4.9))
    count = min(1 + int(rng.poisson(mean)), MOST_SUBEVENTS)
    late = rng.uniform(0.2, 1.0, count)
    halvings = max(int(np.log2(duration_s / 0.1)), 1)
    early = 0.5 ** np.arange(halvings, 0, -1)
    part = np.concatenate([early * rng.uniform(0.7, 1.4, halvings), late])
    weight = np.concatenate([rng.uniform(0.3, 1.0) * early**3, (0.2 + late) / count])
    weight *= rng.lognormal(0.0, 0.6, weight.size)
    order = np.argsort(part)
    delay = duration_s * part[order]
    return weight[order] / weight.sum(), delay - delay[0]


def source_spectrum(
    grid: FineGrid, corners_hz: Float64Array, weight: Float64Array, delay_s: Float64Array
) -> Complex64Array:
    """Spectrum of the normalised moment rate, as it arrives.

    Args:
        grid: bins.
        corners_hz: corner of each subevent for this phase.
        weight: arriving strength of each; a sum of 1 gives 1 at zero frequency.
        delay_s: arrival of each after the onset; >= 0.

    Returns:
        ``sum w exp(-i 2 pi f t) / (1 + i f / fc)^2``, shape ``(size // 2 + 1,)``: Brune's
        causal pulse, whose amplitude is omega-square.
    """
    if corners_hz.size == 1:
        pulse = 1.0 / (1.0 + (1j / np.float32(corners_hz[0])) * grid.hz) ** 2
        return np.asarray(pulse * np.float32(weight[0]), dtype=np.complex64)
    rate = np.zeros(grid.size, dtype=np.float32)
    for corner, strength, delay in zip(corners_hz, weight, delay_s, strict=True):
        first = int(np.ceil(delay * RATE_HZ))
        omega = 2 * np.pi * corner
        last = min(grid.size, first + int(12.0 / omega * RATE_HZ) + 2)
        after = np.arange(first, last, dtype=np.float32) / np.float32(RATE_HZ) - np.float32(delay)
        pulse = after * np.exp(np.float32(-omega) * after)
        total = float(pulse.sum())
        if total > 0.0:
            rate[first:last] += np.float32(strength / total) * pulse
    return np.asarray(fft.rfft(rate), dtype=np.complex64)

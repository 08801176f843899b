"""How strongly the waves of a rupture arrive at a site."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from umamba_rt.training.synthetic.grid import COARSE_HZ, Float64Array
from umamba_rt.training.synthetic.path import Path
from umamba_rt.training.synthetic.scenario import Earthquake
from umamba_rt.training.synthetic.site import Site
from umamba_rt.training.synthetic.source import Radiation, Rupture

FREE_SURFACE = 2.0
# Boore and Thompson (2015), BSSA 105, table 1: duration that the path adds, s, for active crust.
_DURATION_KM = (0.0, 7.0, 45.0, 125.0, 175.0, 270.0, 400.0)
_DURATION_S = (0.0, 2.4, 8.4, 10.9, 17.4, 34.2, 54.5)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One earthquake's waves on their way to one site.

    Attributes:
        place: of the hypocentre.
        path: between.
        rupture: of the source.
        radiation: towards this site.
        distance_km: effective, of the strongest parts of the rupture.
        strength: of each subevent where it arrives, relative to ``distance_km``.
        shift_km: how much farther than the first each subevent lies.
        log_p, log_s: natural log of the displacement spectrum's amplitude without the source's
            shape, P on the vertical and S on both horizontals together, m s, on ``COARSE_HZ``.
        p_corner: P over S corner frequency.
        azimuth_rad: of the ray at the site.
    """

    place: Earthquake
    path: Path
    rupture: Rupture
    radiation: Radiation
    distance_km: float
    strength: Float64Array
    shift_km: Float64Array
    log_p: Float64Array
    log_s: Float64Array
    p_corner: float
    azimuth_rad: float


def draw_arrival(
    rng: np.random.Generator,
    place: Earthquake,
    path: Path,
    rupture: Rupture,
    radiation: Radiation,
    site: Site,
) -> Arrival:
    """The strength with which a rupture arrives.

    Distances saturate near the source by ``h = 10^(-0.405 + 0.235 M)`` of each subevent
    (Yenier and Atkinson 2015, BSSA 105, eq. 11). P corners lie at 1.3 to 1.6 times those of S
    (Madariaga 1976, BSSA 66).

    Source: Boore (2003), eq. 5 to 7: C = R V F / (4 pi rho beta^3 R0); V is in the radiation.
    """
    distance = _distances_km(rng, place, rupture)
    part_mw = (np.log10(rupture.moment_n_m * rupture.weight) - 9.1) / 1.5
    effective = np.hypot(distance, 10.0 ** (-0.405 + 0.235 * part_mw))
    spreading = path.log_spreading(effective, shear=True)
    energy = rupture.weight ** (2 / 3) * np.exp(2.0 * spreading)
    mean_km = float(np.exp(np.sum(energy * np.log(effective)) / np.sum(energy)))
    at_mean = path.log_spreading(np.array([mean_km]), shear=True)
    # A rupture that comes nearer may not be heard before it has started.
    soonest = -0.9 * path.beta_m_s / 1e3 * rupture.delay_s
    moment, shear_factor = rupture.moment_n_m, float(np.hypot(radiation.sv, radiation.sh))
    return Arrival(
        place=place,
        path=path,
        rupture=rupture,
        radiation=radiation,
        distance_km=mean_km,
        strength=rupture.weight * np.exp(spreading - at_mean),
        shift_km=np.maximum(distance - distance[0], soonest),
        log_p=_level(path, moment, 0.9 * abs(radiation.p), mean_km, shear=False) + site.log_p,
        log_s=_level(path, moment, shear_factor, mean_km, shear=True) + site.log_s,
        p_corner=rng.uniform(1.3, 1.6),
        azimuth_rad=rng.uniform(0.0, 2 * np.pi),
    )


def _distances_km(rng: np.random.Generator, place: Earthquake, rupture: Rupture) -> Float64Array:
    """From each subevent to the site, for a fault of random strike; at least 1 km."""
    along = rng.uniform(-1.0, 1.0)
    r, x = place.hypocentral_km, rupture.position_km
    return np.sqrt(np.maximum(r * r + x * x - 2.0 * r * x * along, 1.0))


def _level(
    path: Path, moment_n_m: float, factor: float, distance_km: float, *, shear: bool
) -> Float64Array:
    """Natural log of the displacement spectrum before source shape and site, on ``COARSE_HZ``."""
    velocity = path.beta_m_s if shear else path.alpha_m_s
    constant = FREE_SURFACE * factor / (4e3 * np.pi * path.density_kg_m3 * velocity**3)
    spreading = path.log_spreading(np.array([distance_km]), shear=shear)
    attenuation = path.log_attenuation(distance_km, shear=shear)
    return np.asarray(np.log(moment_n_m * constant) + spreading + attenuation)


def expected_snr_db(
    arrival: Arrival, log_response: Float64Array, psd: Float64Array
) -> Float64Array:
    """Signal to noise of P and S, each in its best band.

    Args:
        arrival: the earthquake.
        log_response: natural log of the output over ground acceleration, on ``COARSE_HZ``.
        psd: of the noise in the output, one-sided, on ``COARSE_HZ``.

    Returns:
        Of P and of S, dB.
    """
    duration = arrival.rupture.duration_s + path_duration_s(arrival.distance_km) + 0.3
    to_output = 2.0 * log_response + 4.0 * np.log(2 * np.pi * COARSE_HZ) - np.log(psd)
    found = []
    for log_amplitude, factor, share in (
        (arrival.log_p, arrival.p_corner, 0.5),
        (arrival.log_s, 1.0, 1.0),
    ):
        corner = arrival.rupture.corner_hz * factor
        log_ratio = 2.0 * log_amplitude - 2.0 * np.log1p((COARSE_HZ / corner) ** 2) + to_output
        found.append(10.0 / np.log(10.0) * (log_ratio.max() + np.log(2.0 / (duration * share))))
    return np.array(found)


def path_duration_s(distance_km: float) -> float:
    """Duration that the path adds to S, s. Source: Boore and Thompson (2015), table 1."""
    return float(np.interp(distance_km, _DURATION_KM, _DURATION_S))

"""P, S, coda and surface waves of one earthquake at one station."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import fft

from umamba_rt.core.estimate import Float32Array
from umamba_rt.training.synthetic.grid import (
    COARSE_HZ,
    RATE_HZ,
    Complex64Array,
    FineGrid,
    Float64Array,
)
from umamba_rt.training.synthetic.path import Path
from umamba_rt.training.synthetic.scenario import Earthquake
from umamba_rt.training.synthetic.site import Site
from umamba_rt.training.synthetic.source import Radiation, Rupture, source_spectrum

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
    along = rng.uniform(-1.0, 1.0)
    r = place.hypocentral_km
    x = rupture.position_km
    distance = np.sqrt(np.maximum(r * r + x * x - 2.0 * r * x * along, 1.0))
    part_mw = (np.log10(rupture.moment_n_m * rupture.weight) - 9.1) / 1.5
    effective = np.hypot(distance, 10.0 ** (-0.405 + 0.235 * part_mw))
    spreading = path.log_spreading(effective, shear=True)
    energy = rupture.weight ** (2 / 3) * np.exp(2.0 * spreading)
    mean_km = float(np.exp(np.sum(energy * np.log(effective)) / np.sum(energy)))
    at_mean = np.array([mean_km])
    strength = rupture.weight * np.exp(spreading - path.log_spreading(at_mean, shear=True))
    common = np.log(rupture.moment_n_m) - np.log(4e3 * np.pi * path.density_kg_m3)

    def level(velocity: float, factor: float, *, shear: bool) -> Float64Array:
        return np.asarray(
            common
            - 3.0 * np.log(velocity)
            + np.log(FREE_SURFACE * factor)
            + path.log_spreading(at_mean, shear=shear)
            + path.log_attenuation(mean_km, shear=shear)
        )

    shear_factor = float(np.hypot(radiation.sv, radiation.sh))
    return Arrival(
        place=place,
        path=path,
        rupture=rupture,
        radiation=radiation,
        distance_km=mean_km,
        strength=strength,
        shift_km=np.maximum(distance - distance[0], -rupture.delay_s * 0.9 * path.beta_m_s / 1e3),
        log_p=level(path.alpha_m_s, 0.9 * abs(radiation.p), shear=False) + site.log_p,
        log_s=level(path.beta_m_s, shear_factor, shear=True) + site.log_s,
        p_corner=rng.uniform(1.3, 1.6),
        azimuth_rad=rng.uniform(0.0, 2 * np.pi),
    )


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


@cache
def _seconds(length: int) -> Float32Array:
    return (np.arange(length) / RATE_HZ).astype(np.float32)


def _body(length: int, first_s: float, duration_s: float, sharp: float) -> Float32Array:
    """Mean power of scattered waves: a quick rise and an exponential fall; sum 1.

    ``sharp`` is the share of a jump at the onset; the rest rises linearly first.
    """
    power = np.zeros(length, dtype=np.float32)
    first = min(int(first_s * RATE_HZ), length - 1)
    decay = np.float32(max(duration_s, 0.05) / 3.7)
    after = _seconds(length)[: length - first] / decay
    power[first:] = (np.float32(sharp) + np.float32(1.0 - sharp) * after) * np.exp(-after)
    return np.asarray(power / power.sum(), dtype=np.float32)


def _coda(length: int, first_s: float, lapse_s: float, rate_per_s: float) -> Float32Array:
    """Mean power of a coda: ``t^-1.6 exp(-rate t)`` of the lapse time; sum 1.

    Source: Aki and Chouet (1975), JGR 80, eq. 12 and 14.
    """
    power = np.zeros(length, dtype=np.float32)
    first = min(int(first_s * RATE_HZ), length - 1)
    after = _seconds(length)[: length - first]
    rise = 1.0 - np.exp(-after / np.float32(0.1 * lapse_s + 0.5))
    power[first:] = (
        rise * (1.0 + after / np.float32(lapse_s)) ** np.float32(-1.6)
        * np.exp(np.float32(-rate_per_s) * after)
    )  # fmt: skip
    return np.asarray(power / max(float(power.sum()), 1e-30), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Train:
    """A wave train before source and attenuation: direct pulses and scattered waves.

    Attributes:
        direct: seconds after the train's first arrival and energy share of each pulse.
        power: mean power of the scattered waves, per sample.
    """

    direct: tuple[tuple[float, float], ...]
    power: Float32Array


def _p_train(rng: np.random.Generator, arrival: Arrival, length: int) -> _Train:
    path = arrival.path
    main_s = path.p_main_s - path.p_s
    duration = 0.65 * path_duration_s(arrival.distance_km) * rng.lognormal(0.0, 0.25)
    coherent = _coherent(rng, arrival)
    share = 1.0 if main_s < 0.05 else rng.uniform(0.08, 0.3)
    direct = [(0.0, coherent * share)]
    scattered = (1.0 - coherent) * share * _body(length, 0.0, duration, 0.5 * coherent)
    if share < 1.0:
        direct.append((main_s, 0.5 * coherent * (1.0 - share)))
        body = _body(length, main_s, duration, 0.2)
        scattered += (1.0 - 0.5 * coherent) * (1.0 - share) * body
    lapse = path.p_s + 1.0
    scattered += rng.uniform(0.15, 0.45) * _coda(length, 0.0, lapse, _coda_rate(rng, arrival))
    return _Train(tuple(direct), scattered)


def _s_train(rng: np.random.Generator, arrival: Arrival, length: int) -> _Train:
    path = arrival.path
    main_s = path.s_main_s - path.s_s
    duration = path_duration_s(arrival.distance_km) * rng.lognormal(0.0, 0.25)
    coherent = _coherent(rng, arrival)
    direct = [(main_s, 0.7 * coherent)]
    scattered = (1.0 - 0.7 * coherent) * _body(length, main_s, duration, 0.5 * coherent)
    if main_s > 0.05:
        head = rng.uniform(0.01, 0.06)
        direct.append((0.0, head * coherent))
        scattered += head * _body(length, 0.0, duration, 0.2)
    lapse = path.s_main_s + 1.0
    coda = _coda(length, main_s, lapse, _coda_rate(rng, arrival))
    scattered += rng.uniform(0.15, 0.45) * coda
    return _Train(tuple(direct), scattered)


def _coherent(rng: np.random.Generator, arrival: Arrival) -> float:
    """Share of the energy in the direct pulse: most of it near, little of it far."""
    scale = 400.0 if arrival.place.depth_km > 35.0 else 50.0
    return float(np.clip(np.exp(-arrival.distance_km / scale) * rng.uniform(0.4, 1.0), 0.03, 0.8))


def _coda_rate(rng: np.random.Generator, arrival: Arrival) -> float:
    """Decay of coda power, 1/s, at the frequency that dominates: 2 pi f / Qc, Qc = 120 f^0.8."""
    dominant = min(arrival.rupture.corner_hz, 6.0)
    return float(2 * np.pi * dominant**0.2 / (120.0 * rng.lognormal(0.0, 0.3)))


def _scatter(
    rng: np.random.Generator, train: _Train, grid: FineGrid, onset: int, level: Float32Array
) -> Complex64Array:
    """Spectra of scattered waves, one per component; mean energy of power and ``level``^2."""
    length = train.power.size
    waves = np.zeros((3, grid.size), dtype=np.float32)
    noise = rng.standard_normal((3, length), dtype=np.float32)
    waves[:, onset : onset + length] = noise * np.sqrt(train.power) * level[:, None]
    return np.asarray(fft.rfft(waves), dtype=np.complex64)


def _pulses(train: _Train, grid: FineGrid, onset: int) -> Complex64Array:
    """Spectrum of the direct pulses."""
    total = np.zeros(grid.hz.size, dtype=np.complex64)
    for after_s, energy in train.direct:
        delay = np.float32(2 * np.pi * (onset / RATE_HZ + after_s))
        total += np.float32(np.sqrt(energy)) * np.exp(-1j * (delay * grid.hz))
    return total


def _causal_phase(grid: FineGrid, t_star_s: float) -> Complex64Array:
    """Dispersion that makes attenuation causal. Source: Aki and Richards (2002), eq. 5.81."""
    return np.asarray(np.exp(1j * (np.float32(2.0 * t_star_s) * grid.dispersion)), np.complex64)


def _t_star_s(arrival: Arrival, *, shear: bool) -> float:
    """Attenuation of path and site near 5 Hz as a t*, s."""
    low, high = np.searchsorted(COARSE_HZ, [2.0, 10.0])
    loss = arrival.path.log_attenuation(arrival.distance_km, shear=shear)
    slope = (loss[low] - loss[high]) / (COARSE_HZ[high] - COARSE_HZ[low])
    return float(slope / np.pi) + (0.03 if shear else 0.018)


def displacement_spectrum(
    rng: np.random.Generator, arrival: Arrival, site: Site, grid: FineGrid, onset: int
) -> Complex64Array:
    """Spectrum of ground displacement of all phases.

    Args:
        rng: source of randomness.
        arrival: the earthquake.
        site: the ground.
        grid: bins.
        onset: sample of the first P.

    Returns:
        Shape ``(3, size // 2 + 1)``, order Z N E, m s.
    """
    # Scattered waves end so early that the source's duration carries them around to before the
    # onset at most.
    spare = grid.size - onset - 100
    length = min(spare, grid.size - 200 - int(1.5 * arrival.rupture.duration_s * RATE_HZ))
    rupture = arrival.rupture
    total = np.zeros((3, grid.hz.size), dtype=np.complex64)
    east, north = np.sin(arrival.azimuth_rad), np.cos(arrival.azimuth_rad)
    tilt = site.incidence

    train = _p_train(rng, arrival, length)
    level = np.array([1.0, max(tilt, 0.5), max(tilt, 0.5)], dtype=np.float32)
    waves = _scatter(rng, train, grid, onset, level)
    sign = np.copysign(1.0, arrival.radiation.p)
    polarised = sign * np.array([1.0, tilt * north, tilt * east], dtype=np.float32)
    waves += polarised[:, None].astype(np.complex64) * _pulses(train, grid, onset)
    delay = rupture.delay_s + arrival.shift_km * 1e3 / arrival.path.alpha_m_s
    source = source_spectrum(
        grid, rupture.subevent_hz * arrival.p_corner, arrival.strength, np.maximum(delay, 0.0)
    )
    shape = source * _causal_phase(grid, _t_star_s(arrival, shear=False))
    total += waves * (shape * grid.spread(arrival.log_p))

    later = onset + round((arrival.path.s_s - arrival.path.p_s) * RATE_HZ)
    if later < onset + length - 100:
        total += _shear(rng, arrival, site, grid, later, length - (later - onset))
    return total


def _shear(
    rng: np.random.Generator,
    arrival: Arrival,
    site: Site,
    grid: FineGrid,
    onset: int,
    length: int,
) -> Complex64Array:
    """S, its coda and surface waves."""
    rupture = arrival.rupture
    train = _s_train(rng, arrival, length)
    half = np.float32(np.sqrt(0.5))
    waves = _scatter(rng, train, grid, onset, np.array([half, half, half]))
    polarisation = np.arctan2(arrival.radiation.sh, arrival.radiation.sv)
    towards = arrival.azimuth_rad + polarisation
    vertical = np.cos(polarisation) * site.incidence
    polarised = np.array([vertical, np.cos(towards), np.sin(towards)], dtype=np.float32)
    waves += polarised[:, None].astype(np.complex64) * _pulses(train, grid, onset)
    delay = rupture.delay_s + arrival.shift_km * 1e3 / arrival.path.beta_m_s
    source = source_spectrum(grid, rupture.subevent_hz, arrival.strength, np.maximum(delay, 0.0))
    shape = source * _causal_phase(grid, _t_star_s(arrival, shear=True))
    horizontal = grid.spread(arrival.log_s)
    vertical_loss = grid.spread(site.log_s_vertical - site.log_s)
    waves *= shape * horizontal
    waves[0] *= vertical_loss
    if arrival.place.depth_km < 15.0 and arrival.place.epicentral_km > 40.0:
        waves += _surface(rng, arrival, grid, onset, source)
    return waves


def _surface(
    rng: np.random.Generator,
    arrival: Arrival,
    grid: FineGrid,
    s_onset: int,
    source: Complex64Array,
) -> Complex64Array:
    """A dispersed Rayleigh and Love packet between 0.03 and 0.5 Hz.

    Group velocities of 3.3 km/s at 0.03 Hz and 2.4 km/s at 0.5 Hz; 0.3 to 1.5 times the
    amplitude of S, less for deeper sources.
    """
    few = int(np.searchsorted(grid.hz, 0.8))
    hz = grid.hz[1:few]
    slowness = 1.0 / 3.3 + (1.0 / 2.4 - 1.0 / 3.3) * np.log(hz / 0.03) / np.log(0.5 / 0.03)
    distance = arrival.place.epicentral_km
    # Phase is the integral of group delay over angular frequency.
    lag_s = np.maximum(distance * slowness - arrival.path.s_main_s, 0.0)
    start_s = s_onset / RATE_HZ + arrival.path.s_main_s - arrival.path.s_s
    phase = 2 * np.pi * np.cumsum(lag_s + start_s) * float(grid.hz[1])
    band = 1.0 / np.sqrt((1.0 + (0.03 / hz) ** 4) * (1.0 + (hz / 0.35) ** 6))
    depth = np.exp(-arrival.place.depth_km * hz)
    strength = rng.uniform(0.3, 1.5) * band * depth * np.exp(-np.pi * hz * lag_s / 150.0)
    packet = strength * np.exp(-1j * (phase + rng.uniform(0.0, 2 * np.pi)))
    packet *= source[1:few] * np.exp(np.interp(np.log(hz), np.log(COARSE_HZ), arrival.log_s))
    towards = arrival.azimuth_rad + rng.uniform(0.0, 2 * np.pi)
    parts = np.array([0.7j, np.cos(towards), np.sin(towards)])
    total = np.zeros((3, grid.hz.size), dtype=np.complex64)
    total[:, 1:few] = parts[:, None] * packet
    return total

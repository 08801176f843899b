"""P, S, coda and surface waves of one earthquake at one station."""

from __future__ import annotations

import numpy as np
from scipy import fft

from umamba_rt.core.estimate import Float32Array
from umamba_rt.training.synthetic.arrival import Arrival
from umamba_rt.training.synthetic.grid import (
    COARSE_HZ,
    RATE_HZ,
    Complex64Array,
    FineGrid,
)
from umamba_rt.training.synthetic.site import Site
from umamba_rt.training.synthetic.source import source_spectrum
from umamba_rt.training.synthetic.wavetrain import WaveTrain, p_train, s_train


def _arriving(
    rng: np.random.Generator,
    train: WaveTrain,
    grid: FineGrid,
    onset: int,
    level: Float32Array,
    polarised: Float32Array,
) -> Complex64Array:
    """Spectra of a train before source and attenuation, one per component.

    Args:
        rng: source of randomness.
        train: its energy over time.
        grid: bins.
        onset: sample of its first arrival.
        level: amplitude of the scattered waves on Z, N and E.
        polarised: amplitude of the direct pulses on Z, N and E.
    """
    length = train.power.size
    waves = np.zeros((3, grid.size), dtype=np.float32)
    noise = rng.standard_normal((3, length), dtype=np.float32)
    waves[:, onset : onset + length] = noise * np.sqrt(train.power) * level[:, None]
    for after_s, energy in train.direct:
        at = onset + min(round(after_s * RATE_HZ), length - 1)
        waves[:, at] += np.float32(np.sqrt(energy)) * polarised
    return np.asarray(fft.rfft(waves), dtype=np.complex64)


def _scattered_length(arrival: Arrival, grid: FineGrid, onset: int) -> int:
    """Samples of scattered waves from P on that the source does not carry around to the onset."""
    rupture = arrival.rupture
    last_s = float((rupture.delay_s + arrival.shift_km * 1e3 / arrival.path.beta_m_s).max())
    pulse_s = 1.5 / float(rupture.subevent_hz.min())
    around = grid.size - 1000 - int((last_s + pulse_s) * RATE_HZ)
    return max(min(grid.size - onset - 100, around), 1000)


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
    length = _scattered_length(arrival, grid, onset)
    rupture = arrival.rupture
    east, north = np.sin(arrival.azimuth_rad), np.cos(arrival.azimuth_rad)
    tilt = site.incidence

    train = p_train(rng, arrival, length)
    level = np.array([1.0, max(tilt, 0.5), max(tilt, 0.5)], dtype=np.float32)
    sign = np.copysign(1.0, arrival.radiation.p)
    polarised = sign * np.array([1.0, tilt * north, tilt * east], dtype=np.float32)
    waves = _arriving(rng, train, grid, onset, level, polarised)
    delay = rupture.delay_s + arrival.shift_km * 1e3 / arrival.path.alpha_m_s
    source = source_spectrum(
        grid, rupture.subevent_hz * arrival.p_corner, arrival.strength, np.maximum(delay, 0.0)
    )
    total = waves * (source * grid.causal(arrival.log_p))

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
    train = s_train(rng, arrival, length)
    half = np.float32(np.sqrt(0.5))
    polarisation = np.arctan2(arrival.radiation.sh, arrival.radiation.sv)
    towards = arrival.azimuth_rad + polarisation
    vertical = np.cos(polarisation) * site.incidence
    polarised = np.array([vertical, np.cos(towards), np.sin(towards)], dtype=np.float32)
    waves = _arriving(rng, train, grid, onset, np.array([half, half, half]), polarised)
    delay = rupture.delay_s + arrival.shift_km * 1e3 / arrival.path.beta_m_s
    source = source_spectrum(grid, rupture.subevent_hz, arrival.strength, np.maximum(delay, 0.0))
    waves *= source * grid.causal(arrival.log_s)
    waves[0] *= grid.zero_phase(site.log_s_vertical - site.log_s)
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

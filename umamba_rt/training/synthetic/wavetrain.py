"""How the energy of P and of S spreads over time on its way: pulses, scattered waves, coda."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from umamba_rt.core.estimate import Float32Array
from umamba_rt.training.synthetic.arrival import Arrival, path_duration_s
from umamba_rt.training.synthetic.grid import RATE_HZ


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
class WaveTrain:
    """A wave train before source and attenuation: direct pulses and scattered waves.

    Attributes:
        direct: seconds after the train's first arrival and energy share of each pulse.
        power: mean power of the scattered waves, per sample.
    """

    direct: tuple[tuple[float, float], ...]
    power: Float32Array


def p_train(rng: np.random.Generator, arrival: Arrival, length: int) -> WaveTrain:
    """P: a head wave where it comes first, the direct wave, scattered waves and coda.

    Args:
        rng: source of randomness.
        arrival: the earthquake.
        length: samples from the first P on.
    """
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
    coda = _coda(length, 0.0, path.p_s + 1.0, _coda_rate(rng, arrival))
    share = _coda_share(rng, arrival)
    direct = [(after, (1.0 - share) * energy) for after, energy in direct]
    scattered = (1.0 - share) * scattered + share * coda
    return WaveTrain(tuple(direct), scattered)


def s_train(rng: np.random.Generator, arrival: Arrival, length: int) -> WaveTrain:
    """S: a weak head wave where it comes first, the direct wave, scattered waves and coda.

    Args:
        rng: source of randomness.
        arrival: the earthquake.
        length: samples from the first S on.
    """
    path = arrival.path
    main_s = path.s_main_s - path.s_s
    duration = path_duration_s(arrival.distance_km) * rng.lognormal(0.0, 0.25)
    coherent = _coherent(rng, arrival)
    direct = [(main_s, 0.7 * coherent)]
    scattered = (1.0 - 0.7 * coherent) * _body(length, main_s, duration, 0.5 * coherent)
    if main_s > 0.05:
        head = rng.uniform(0.01, 0.06)
        direct = [(main_s, (1.0 - head) * direct[0][1])]
        scattered *= 1.0 - head
        direct.append((0.0, head * coherent))
        scattered += head * (1.0 - coherent) * _body(length, 0.0, duration, 0.2)
    coda = _coda(length, main_s, path.s_main_s + 1.0, _coda_rate(rng, arrival))
    share = _coda_share(rng, arrival)
    direct = [(after, (1.0 - share) * energy) for after, energy in direct]
    scattered = (1.0 - share) * scattered + share * coda
    return WaveTrain(tuple(direct), scattered)


def _coherent(rng: np.random.Generator, arrival: Arrival) -> float:
    """Share of the energy in the direct pulse: most of it near, little of it far."""
    scale = 400.0 if arrival.place.depth_km > 35.0 else 50.0
    return float(np.clip(np.exp(-arrival.distance_km / scale) * rng.uniform(0.15, 0.6), 0.02, 0.6))


def _coda_share(rng: np.random.Generator, arrival: Arrival) -> float:
    """Share of the energy in the coda, which is the larger the weaker the direct wave is."""
    return float(rng.uniform(0.3, 1.0) * (0.03 + 0.35 * min(arrival.distance_km / 60.0, 1.0)))


def _coda_rate(rng: np.random.Generator, arrival: Arrival) -> float:
    """Decay of coda power, 1/s, at the frequency that dominates: 2 pi f / Qc, Qc = 120 f^0.8."""
    dominant = min(arrival.rupture.corner_hz, 6.0)
    return float(2 * np.pi * dominant**0.2 / (120.0 * rng.lognormal(0.0, 0.3)))

"""Which earthquakes are drawn, where they lie, and how often a record has which flaw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class ScenarioRanges:
    """The joint distribution of magnitude, distance and depth, and the shares of the rest.

    Label magnitudes are flat over ``magnitude``, but ``large_share`` of them is flat over
    ``large_magnitude``. Hypocentral distances are half log-flat, half flat, from the nearest to
    the smaller of the farthest and ``10 ** (1.1 + 0.42 M)`` km (13 km at M0, 87 km at M2,
    300 km from M3.3), drawn again until the record can be seen. Crustal depths are
    log-normal around ``depth_km``, at most 35 km; ``deep_share`` are log-flat from 35 to 150 km.

    Attributes:
        magnitude: least and largest label.
        distance_km: nearest and farthest hypocentre.
        magnitude_scatter: of the true Mw around the label's; catalogues of one event differ by
            0.1 to 0.2.
        min_snr_db: least ratio of S or P to noise in the best band; P may lie 5 dB lower.
        noise_share: records without an earthquake.
        accelerometer_share: records in m/s^2.
        real_noise_share: records on noise of the caller's library, where it has the unit.
        second_event_share: records with a smaller earthquake beside the labelled one.
        disturbance_share: earthquake records with bursts, spikes, steps or swells.
    """

    magnitude: tuple[float, float] = (0.0, 7.5)
    large_magnitude: tuple[float, float] = (4.5, 7.5)
    large_share: float = 0.2
    distance_km: tuple[float, float] = (5.0, 300.0)
    depth_km: float = 9.0
    deep_share: float = 0.1
    magnitude_scatter: float = 0.12
    min_snr_db: float = 5.0
    noise_share: float = 0.1
    accelerometer_share: float = 0.45
    real_noise_share: float = 0.5
    second_event_share: float = 0.04
    disturbance_share: float = 0.08


DEFAULT = ScenarioRanges()


@dataclass(frozen=True, slots=True)
class Earthquake:
    """Label and place of one earthquake, seen from the station."""

    magnitude: float
    hypocentral_km: float
    epicentral_km: float
    depth_km: float


def draw_magnitude(rng: np.random.Generator, ranges: ScenarioRanges) -> float:
    """A label magnitude."""
    low, high = ranges.magnitude
    if rng.random() < ranges.large_share:
        low = min(max(low, ranges.large_magnitude[0]), high)
        high = max(min(high, ranges.large_magnitude[1]), low)
    return float(rng.uniform(low, high))


def farthest_km(magnitude: float, ranges: ScenarioRanges) -> float:
    """The largest hypocentral distance that is tried for a magnitude."""
    near, far = ranges.distance_km
    return float(np.clip(10.0 ** (1.1 + 0.42 * magnitude), near * 1.2, max(far, near)))


def draw_place(
    rng: np.random.Generator, ranges: ScenarioRanges, magnitude: float, nearer: float = 1.0
) -> Earthquake:
    """A place for an earthquake of a magnitude.

    Args:
        rng: source of randomness.
        ranges: the distribution.
        magnitude: its label.
        nearer: factor on the farthest distance, 0 to 1, after places that could not be seen.
    """
    near = ranges.distance_km[0]
    far = max(near, near + (farthest_km(magnitude, ranges) - near) * nearer)
    if rng.random() < 0.5:
        hypocentral = float(np.exp(rng.uniform(np.log(near), np.log(far))))
    else:
        hypocentral = float(rng.uniform(near, far))
    if rng.random() < ranges.deep_share:
        depth = float(np.exp(rng.uniform(np.log(35.0), np.log(150.0))))
    else:
        depth = min(ranges.depth_km * float(np.exp(rng.normal(0.0, 0.55))), 35.0)
    # A hypocentre nearer than its depth is put steeply below the station instead.
    depth = min(depth, hypocentral * float(rng.uniform(0.6, 0.99)))
    epicentral = float(np.sqrt(hypocentral**2 - depth**2))
    return Earthquake(magnitude, hypocentral, epicentral, depth)

"""The site: what the upper crust and the soil add and take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from umamba_rt.training.synthetic.grid import COARSE_HZ, Float64Array

_KNOTS_HZ = np.array([0.01, 0.09, 0.16, 0.51, 0.84, 1.25, 2.26, 3.17, 6.05, 16.6, 61.2])
# Boore and Joyner (1997), BSSA 87: amplification of generic rock (620 m/s in the upper 30 m)
# and of generic soil (310 m/s).
_ROCK = np.array([1.00, 1.10, 1.18, 1.42, 1.58, 1.74, 2.06, 2.25, 2.58, 3.13, 4.00])
_SOIL = np.array([1.00, 1.34, 1.57, 2.24, 2.57, 2.76, 2.98, 2.95, 3.05, 3.18, 3.21])
# Held below 0.1 Hz, where a site is small beside a wavelength; a curve that went on would ring for
# minutes.
_FELT_HZ = np.maximum(COARSE_HZ, 0.1)


def _on_grid(amplification: Float64Array) -> Float64Array:
    return np.interp(np.log(_FELT_HZ), np.log(_KNOTS_HZ), np.log(amplification))


_LOG_ROCK, _LOG_SOIL = _on_grid(_ROCK), _on_grid(_SOIL)
_OCTAVES = np.log2(_FELT_HZ / _FELT_HZ[0])


@dataclass(frozen=True, slots=True)
class Site:
    """One station's ground.

    Attributes:
        log_s: natural log of the amplification of horizontal S, on ``COARSE_HZ``, kappa included.
        log_s_vertical: the same of S on the vertical.
        log_p: the same of P on the vertical.
        incidence: horizontal over vertical amplitude of P.
    """

    log_s: Float64Array
    log_s_vertical: Float64Array
    log_p: Float64Array
    incidence: float


def draw_site(rng: np.random.Generator) -> Site:
    """Ground between hard rock and soil, with a transfer function of its own.

    Kappa: 0.035 s for generic rock (Boore and Joyner 1997), down to 0.02 s on hard rock,
    each with 30 % spread (Anderson and Hough 1984, BSSA 74). Site-to-site scatter: 0.12 in
    log10 for the level and 0.10 for its waves over frequency.
    """
    softness = rng.uniform(-0.7, 1.0)
    if softness < 0.0:
        mean = _LOG_ROCK * (1.0 + softness)
    else:
        mean = _LOG_ROCK + softness * (_LOG_SOIL - _LOG_ROCK)
    kappa = (0.042 + 0.018 * min(softness, 0.0)) * rng.lognormal(0.0, 0.3)
    own = rng.normal(0.0, 0.12) + _waves(rng, 0.10)
    vertical = _waves(rng, 0.07)
    loss = np.pi * COARSE_HZ * kappa
    ln10 = np.log(10.0)
    return Site(
        log_s=mean + ln10 * own - loss,
        log_s_vertical=0.5 * mean + ln10 * (0.7 * own + vertical) - 0.9 * loss,
        log_p=0.6 * mean + ln10 * (0.7 * own + vertical) - 0.6 * loss,
        incidence=rng.uniform(0.25, 0.6),
    )


def _waves(rng: np.random.Generator, spread: float) -> Float64Array:
    """A smooth random curve over log frequency with a standard deviation of ``spread``."""
    periods = rng.uniform(1.5, 6.0, 4)
    phases = rng.uniform(0.0, 2 * np.pi, 4)
    waves = np.cos(2 * np.pi * _OCTAVES / periods[:, None] + phases[:, None])
    return np.asarray(rng.normal(0.0, spread / np.sqrt(2.0), 4) @ waves)

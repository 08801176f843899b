"""Windows made other than they were recorded, without making their magnitude another."""

from __future__ import annotations

import numpy as np

from umamba_rt.core.calibration import COUNTS, Calibration
from umamba_rt.core.estimate import Float32Array

# Catalogued sensitivities are good to a few per cent.
_GAIN_SIGMA = 0.05
_LOST_HORIZONTALS_SHARE = 0.02
_EXTRA_NOISE_SHARE = 0.3


def augmented(rng: np.random.Generator, samples: Float32Array) -> Float32Array:
    """A changed copy of a window.

    Its horizontals are turned by a random angle, since a magnitude knows no north; polarities
    are flipped; gains are off by some per cent; white noise up to the quietest second's level is
    added to some; and in a few the vertical stands for the horizontals, as the daemon does for
    stations with a vertical alone.

    Args:
        rng: source of randomness.
        samples: shape ``(3, n)``, order Z N E, finite.
    """
    z, n, e = samples - samples.mean(axis=1, keepdims=True)
    angle = rng.uniform(0, 2 * np.pi)
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    turned = np.stack((z, cosine * n - sine * e, sine * n + cosine * e))
    if rng.random() < _LOST_HORIZONTALS_SHARE:
        turned[1:] = z
    gains = np.exp(rng.normal(0, _GAIN_SIGMA)) * np.exp(rng.normal(0, _GAIN_SIGMA / 2, 3))
    signs = rng.choice((-1.0, 1.0), 3)
    turned *= (gains * signs).astype(np.float32)[:, None]
    if rng.random() < _EXTRA_NOISE_SHARE:
        blocks = turned[:, : turned.shape[1] // 100 * 100].reshape(3, -1, 100)
        quiet = blocks.std(axis=2).min(axis=1, keepdims=True)
        level = (quiet * rng.uniform(0, 1)).astype(np.float32)
        turned += level * rng.standard_normal(turned.shape, dtype=np.float32)
    return turned


def maybe_unknown(
    rng: np.random.Generator, calibration: Calibration, unknown_share: float
) -> Calibration:
    """The calibration, or in a share of cases that of a sensor which nobody has described."""
    return COUNTS if rng.random() < unknown_share else calibration

"""Disturbances beside the earthquake, and the flaws of a record."""

from __future__ import annotations

import numpy as np

from umamba_rt.core.estimate import Float32Array
from umamba_rt.training.synthetic.grid import RATE_HZ


def disturb(rng: np.random.Generator, samples: Float32Array) -> None:
    """Add one to three bursts, spikes, steps or long swells, scaled by the record's own noise.

    Args:
        rng: source of randomness.
        samples: shape ``(3, n)``; changed in place.
    """
    level = float(np.median(samples[:, :500].std(axis=1))) + 1e-30
    for _ in range(int(rng.integers(1, 4))):
        kind = rng.choice(4, p=[0.5, 0.2, 0.15, 0.15])
        size = level * float(np.exp(rng.uniform(np.log(2.0), np.log(60.0))))
        at = int(rng.integers(samples.shape[1] - 2))
        mix = rng.normal(0.0, 1.0, 3).astype(np.float32)
        if kind == 0:
            _burst(rng, samples, at, size)
        elif kind == 1:
            samples[:, at] += np.float32(5.0 * size) * mix
        elif kind == 2:
            decay = np.exp(-np.arange(samples.shape[1] - at) / (rng.uniform(0.5, 20.0) * RATE_HZ))
            samples[:, at:] += (np.float32(size) * mix)[:, None] * decay.astype(np.float32)
        else:
            _swell(rng, samples, at, size)


def _burst(rng: np.random.Generator, samples: Float32Array, at: int, size: float) -> None:
    """A footstep, a truck or a blast: band-limited noise that rises and falls."""
    duration_s = float(np.exp(rng.uniform(np.log(0.3), np.log(15.0))))
    n = min(int(duration_s * 3 * RATE_HZ) + 8, samples.shape[1] - at)
    after = np.arange(n) / (duration_s * RATE_HZ)
    hz = float(np.exp(rng.uniform(np.log(2.0), np.log(25.0))))
    rise = rng.uniform(0.05, 0.5)
    envelope = np.minimum(after / rise, 1.0) * np.exp(-3.0 * after)
    carrier = np.cos(2 * np.pi * hz * np.arange(n) / RATE_HZ + np.cumsum(rng.normal(0, 0.25, n)))
    other = np.cos(2 * np.pi * hz * np.arange(n) / RATE_HZ + np.cumsum(rng.normal(0, 0.25, n)))
    gains = rng.uniform(0.3, 1.0, (3, 2))
    wave = gains[:, :1] * carrier + gains[:, 1:] * other
    samples[:, at : at + n] += (size * envelope * wave).astype(np.float32)


def _swell(rng: np.random.Generator, samples: Float32Array, at: int, size: float) -> None:
    """Waves of a far earthquake: 0.03 to 0.6 Hz, growing and falling over tens of seconds."""
    n = samples.shape[1] - at
    hz = float(np.exp(rng.uniform(np.log(0.03), np.log(0.6))))
    after = np.arange(n) / RATE_HZ
    envelope = after / 10.0 * np.exp(1.0 - after / 10.0)
    phase = rng.uniform(0.0, 2 * np.pi, (3, 1))
    wave = np.cos(2 * np.pi * hz * after + np.cumsum(rng.normal(0, 0.02, n)) + phase)
    samples[:, at:] += (size * rng.uniform(0.3, 1.0, (3, 1)) * envelope * wave).astype(np.float32)


def offset(rng: np.random.Generator, samples: Float32Array, full_scale: float) -> None:
    """Add an offset and a slow drift, in half of all records; changed in place."""
    if rng.random() < 0.5:
        return
    level = samples[:, :2000].std(axis=1, keepdims=True)
    size = level * np.exp(rng.uniform(np.log(0.1), np.log(50.0), (3, 1)))
    size = np.minimum(size, 0.05 * full_scale) * rng.choice([-1.0, 1.0], (3, 1))
    ramp = np.linspace(-0.5, 0.5, samples.shape[1], dtype=np.float32)
    drift = np.where(rng.random((3, 1)) < 0.3, rng.normal(0.0, 1.0, (3, 1)) * level, 0.0)
    samples += (size + drift * ramp).astype(np.float32)


def clip(samples: Float32Array, full_scale: float) -> bool:
    """Cut values at the full scale, in place; says whether there were any."""
    clipped = bool(np.abs(samples).max() >= full_scale)
    if clipped:
        np.clip(samples, -full_scale, full_scale, out=samples)
    return clipped


def gap(rng: np.random.Generator, samples: Float32Array, share: float = 0.03) -> None:
    """Draw a straight line through up to a second of some records, as interpolation does."""
    if rng.random() >= share:
        return
    n = int(rng.uniform(0.05, 1.0) * RATE_HZ)
    at = int(rng.integers(1, samples.shape[1] - n - 1))
    first, last = samples[:, at - 1 : at], samples[:, at + n : at + n + 1]
    way = np.arange(1, n + 1, dtype=np.float32) / np.float32(n + 1)
    samples[:, at : at + n] = first + (last - first) * way

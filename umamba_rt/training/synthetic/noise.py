"""Ground noise: coloured between the standard models, or cut from real records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from umamba_rt.core.calibration import Unit
from umamba_rt.core.estimate import Float32Array
from umamba_rt.training.synthetic.grid import (
    COARSE_HZ,
    RATE_HZ,
    Complex64Array,
    Float64Array,
    fine_grid,
)
from umamba_rt.training.synthetic.instrument import Instrument

# Peterson (1993), USGS open-file report 93-322, tables 3 and 4: from each period, s, on the
# power density of acceleration is A + B log10(period), dB re 1 (m/s^2)^2/Hz.
NLNM = np.array([
    (0.10, -162.36, 5.64), (0.17, -166.70, 0.00), (0.40, -170.00, -8.30),
    (0.80, -166.40, 28.90), (1.24, -168.60, 52.48), (2.40, -159.98, 29.81),
    (4.30, -141.10, 0.00), (5.00, -71.36, -99.77), (6.00, -97.26, -66.49),
    (10.00, -132.18, -31.57), (12.00, -205.27, 36.16), (15.60, -37.65, -104.33),
    (21.90, -114.37, -47.10), (31.60, -160.58, -16.28), (45.00, -187.50, 0.00),
    (70.00, -216.47, 15.70), (101.00, -185.00, 0.00), (154.00, -168.34, -7.61),
    (328.00, -217.43, 11.90),
])  # fmt: skip
NHNM = np.array([
    (0.10, -108.73, -17.23), (0.22, -150.34, -80.50), (0.32, -122.31, -23.87),
    (0.80, -116.85, 32.51), (3.80, -108.48, 18.08), (4.60, -74.66, -32.95),
    (6.30, 0.66, -127.18), (7.90, -93.37, -22.42), (15.40, 73.54, -162.98),
    (20.00, -151.52, 10.01), (354.80, -206.66, 31.63),
])  # fmt: skip


def peterson_db(table: Float64Array, hz: Float64Array) -> Float64Array:
    """A noise model of Peterson (1993), held flat above 10 Hz where it ends.

    Args:
        table: rows of period, A and B.
        hz: frequencies; > 0.

    Returns:
        Power density of acceleration, dB re 1 (m/s^2)^2/Hz.
    """
    period = np.maximum(1.0 / hz, table[0, 0])
    row = table[np.searchsorted(table[:, 0], period, side="right") - 1]
    return np.asarray(row[:, 1] + row[:, 2] * np.log10(period))


LOW_NOISE_DB = peterson_db(NLNM, COARSE_HZ)
HIGH_NOISE_DB = peterson_db(NHNM, COARSE_HZ)
_CONTROL = np.log([0.004, 0.05, 0.2, 1.0, 5.0, 50.0])


def draw_noise_psd(rng: np.random.Generator, instrument: Instrument) -> Float64Array:
    """Power density of a station's noise in the instrument's output, on ``COARSE_HZ``.

    The ground's level lies at a random part of the way from the low to the high noise model:
    one part for the microseism, one for the long periods, and one above 1 Hz, where towns make
    it; the instrument's own noise comes on top.

    Returns:
        One-sided, unit^2/Hz, shape ``(72,)``.
    """
    long, sea, town = rng.normal([0.35, 0.45, 0.5], [0.2, 0.15, 0.27])
    parts = np.array([long, long, sea, 0.5 * (sea + town), town, town]) + rng.normal(0.0, 0.05, 6)
    part = np.interp(np.log(COARSE_HZ), _CONTROL, np.clip(parts, 0.02, 1.1))
    ground = LOW_NOISE_DB + part * (HIGH_NOISE_DB - LOW_NOISE_DB)
    acceleration = 10.0 ** (ground / 10.0) + 10.0 ** (instrument.self_noise_db / 10.0)
    return np.asarray(acceleration * np.exp(2.0 * instrument.log_from_acceleration()))


def coloured_noise(rng: np.random.Generator, psd: Float64Array, size: int) -> Float32Array:
    """Gaussian noise of a power density.

    Args:
        rng: source of randomness.
        psd: one-sided, unit^2/Hz, on ``COARSE_HZ``.
        size: samples; those of a transform.

    Returns:
        Shape ``(3, size)``, stationary, components independent.
    """
    bins = size // 2 + 1
    white = rng.standard_normal((3, 2 * bins), dtype=np.float32).view(np.complex64)
    # E|X|^2 = psd size rate / 2 for a one-sided density; half of it in each part of a bin.
    level = 0.5 * np.log(psd * size * RATE_HZ / 4.0)
    spectrum: Complex64Array = white * fine_grid(size).zero_phase(level)
    spectrum[:, 0] = 0.0
    return np.asarray(fft.irfft(spectrum, size), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class NoiseLibrary:
    """Real noise to cut from.

    Attributes:
        parts: for each unit, arrays of shape ``(3, n)``, order Z N E, 100 Hz, in that unit.
    """

    parts: tuple[tuple[Unit, tuple[Float32Array, ...]], ...]

    @classmethod
    def of(cls, arrays: Sequence[tuple[Unit, NDArray[np.floating]]]) -> NoiseLibrary:
        """A library of records.

        Args:
            arrays: unit and samples, each of shape ``(k, 3, n)`` or ``(3, n)``, finite.

        Raises:
            ValueError: another shape, or a sample that is not finite.
        """
        found: dict[Unit, list[Float32Array]] = {}
        for unit, array in arrays:
            stack = array[None] if array.ndim == 2 else array
            if stack.ndim != 3 or stack.shape[1] != 3 or stack.shape[2] < 2:
                raise ValueError(f"noise in {unit} has shape {array.shape}, not (k, 3, n)")
            if not np.isfinite(stack).all():
                raise ValueError(f"noise in {unit} of shape {array.shape} is not finite")
            centred = stack - stack.mean(axis=-1, keepdims=True)
            found.setdefault(unit, []).extend(centred.astype(np.float32))
        return cls(tuple((unit, tuple(records)) for unit, records in found.items()))

    def of_unit(self, unit: Unit) -> tuple[Float32Array, ...]:
        """The records in a unit; none is an empty tuple."""
        return next((records for found, records in self.parts if found == unit), ())


def cut_noise(
    rng: np.random.Generator, records: Sequence[Float32Array], length: int
) -> Float32Array:
    """A piece of a random record, mirrored where it is too short, 0.7 to 1.5 times as strong.

    Args:
        rng: source of randomness.
        records: at least one, each ``(3, n)``.
        length: samples wanted.

    Returns:
        Shape ``(3, length)``.
    """
    record = records[int(rng.integers(len(records)))]
    spare = record.shape[1] - length
    if spare < 0:
        record = np.pad(record, ((0, 0), (0, -spare)), mode="reflect")
        spare = 0
    first = int(rng.integers(spare + 1))
    gain = np.float32(np.exp(rng.uniform(np.log(0.7), np.log(1.5))))
    return record[:, first : first + length] * gain


def psd_of(samples: Float32Array) -> Float64Array:
    """Mean one-sided power density of three components, on ``COARSE_HZ``; white where empty."""
    n = samples.shape[1]
    window = np.hanning(n).astype(np.float32)
    power = np.abs(np.asarray(fft.rfft(samples * window))) ** 2
    density = power.mean(axis=0) * (2.0 / (RATE_HZ * float(np.sum(window**2))))
    hz = fft.rfftfreq(n, 1 / RATE_HZ)
    # Means over half a third of an octave or three bins, whichever is wider.
    sums = np.concatenate([[0.0], np.cumsum(density, dtype=np.float64)])
    low = np.searchsorted(hz, COARSE_HZ * 0.93)
    high = np.maximum(np.searchsorted(hz, COARSE_HZ * 1.075), low + 3)
    low, high = np.minimum(low, density.size - 3), np.minimum(high, density.size)
    mean = (sums[high] - sums[low]) / (high - low)
    return np.asarray(np.maximum(mean, 1e-40))

"""The sensor and its digitiser: what of the ground motion is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.signal import butter, sosfilt

from umamba_rt.core.calibration import Unit
from umamba_rt.core.estimate import Float32Array
from umamba_rt.training.synthetic.grid import (
    COARSE_HZ,
    NYQUIST_HZ,
    RATE_HZ,
    Complex64Array,
    FineGrid,
    Float64Array,
)

NATIVE_RATES_HZ = (20.0, 31.25, 40.0, 50.0, 100.0, 200.0)
_NATIVE_SHARES = (0.04, 0.06, 0.03, 0.06, 0.56, 0.25)
# Provider's band-passes seen in strong-motion archives: corners in Hz and order.
_PROVIDER_BANDS = ((0.025, 40.0, 1), (0.05, 25.0, 2), (0.1, 40.0, 4), (0.08, 20.0, 4))
GRAVITY_M_S2 = 9.80665


@dataclass(frozen=True, slots=True)
class Instrument:
    """One sensor with its digitiser.

    Attributes:
        unit: what a count stands for.
        corner_hz: below it a velocity meter falls off; 0 for an accelerometer.
        native_rate_hz: at which it samples.
        band_hz: the provider's band-pass and its order, or None.
        self_noise_db: of acceleration, dB re 1 (m/s^2)^2/Hz, flat.
        full_scale: largest value that it can give, in ``unit``.
        gain: true over nominal sensitivity, of Z, N and E.
    """

    unit: Unit
    corner_hz: float
    native_rate_hz: float
    band_hz: tuple[float, float, int] | None
    self_noise_db: float
    full_scale: float
    gain: tuple[float, float, float]

    def response(self, grid: FineGrid) -> Complex64Array:
        """From ground displacement, m, to output without the sensor's corner, at every bin."""
        s = np.asarray(2j * np.pi * grid.hz, dtype=np.complex64)
        if self.unit == "m/s^2":
            s = s * s
        return np.asarray(s * grid.zero_phase(self.log_filters()), dtype=np.complex64)

    def through_corner(self, waves: Float32Array) -> Float32Array:
        """What is left of a velocity meter's output below its corner.

        In time, not in frequency: a 120 s response comes round any transform. It put 10 % of an
        M7.5's peak before its P.

        Args:
            waves: shape ``(3, n)``, at rest at the start.
        """
        if self.corner_hz <= 0.0:
            return waves
        return np.asarray(sosfilt(_corner(self.corner_hz), waves, axis=1), dtype=np.float32)

    def log_from_acceleration(self) -> Float64Array:
        """Natural log of the output over ground acceleration, on ``COARSE_HZ``, filters and all."""
        log_gain = self.log_filters()
        if self.unit == "m/s^2":
            return log_gain
        log_gain = log_gain - np.log(2 * np.pi * COARSE_HZ)
        if self.corner_hz > 0.0:
            log_gain = log_gain - 0.5 * np.log1p((self.corner_hz / COARSE_HZ) ** 4)
        return log_gain

    def log_filters(self) -> Float64Array:
        """Natural log of the anti-alias filter and the provider's band-pass, on ``COARSE_HZ``."""
        corner = 0.43 * min(self.native_rate_hz, 2 * NYQUIST_HZ)
        log_gain = -0.5 * np.log1p((COARSE_HZ / corner) ** 24)
        if self.band_hz is not None:
            low, high, order = self.band_hz
            # Providers filter forwards and backwards: the amplitude of twice the order.
            log_gain -= np.log1p((low / COARSE_HZ) ** (2 * order))
            log_gain -= np.log1p((COARSE_HZ / high) ** (2 * order))
        return np.asarray(log_gain)


@cache
def _corner(hz: float) -> Float64Array:
    """A damping of 0.707, as sensors have."""
    return np.asarray(butter(2, hz, "highpass", fs=RATE_HZ, output="sos"))


def draw_instrument(rng: np.random.Generator, accelerometer_share: float) -> Instrument:
    """An instrument such as networks run.

    Velocity meters: broadbands of 120 s, 40 s and 30 s, and geophones of 1, 2 and 4.5 Hz, that
    clip from 4 mm/s (high-gain digitisers; the sensors' own limit is 8 to 13 mm/s) to
    100 mm/s. Accelerometers of 1, 2 and 4 g: force balance, or cheap ones whose noise is 25 to
    100 ug/sqrt(Hz). Gain errors: 4 % of spread, and a factor of 2 in 2 %.
    """
    rate = float(rng.choice(NATIVE_RATES_HZ, p=_NATIVE_SHARES))
    gain = float(rng.lognormal(0.0, 0.04))
    if rng.random() < 0.02:
        gain *= float(rng.choice([0.5, 2.0]))
    each = gain * rng.lognormal(0.0, 0.01, 3)
    gains = (float(each[0]), float(each[1]), float(each[2]))
    provider = rng.random()
    band: tuple[float, float, int] | None = None
    if rng.random() < accelerometer_share:
        if provider < 0.25:
            band = _PROVIDER_BANDS[int(rng.integers(len(_PROVIDER_BANDS)))]
        cheap = rng.random() < 0.25
        noise_db = rng.uniform(-80.0, -60.0) if cheap else rng.uniform(-135.0, -95.0)
        scale = float(rng.choice([1.0, 2.0, 4.0], p=[0.1, 0.6, 0.3])) * GRAVITY_M_S2
        return Instrument("m/s^2", 0.0, rate, band, float(noise_db), scale, gains)
    if provider < 0.03:
        band = _PROVIDER_BANDS[int(rng.integers(len(_PROVIDER_BANDS)))]
    if rng.random() < 0.65:
        corner = 1.0 / float(rng.choice([120.0, 40.0, 30.0], p=[0.6, 0.2, 0.2]))
        noise_db = rng.uniform(-190.0, -165.0)
        full_scale = float(np.exp(rng.uniform(np.log(4e-3), np.log(2.5e-2))))
    else:
        corner = float(rng.choice([1.0, 2.0, 4.5], p=[0.5, 0.2, 0.3]))
        noise_db = rng.uniform(-165.0, -140.0)
        full_scale = float(np.exp(rng.uniform(np.log(1e-2), np.log(1e-1))))
    return Instrument("m/s", corner, rate, band, float(noise_db), full_scale, gains)

"""The frequencies on which spectra are drawn, and those on which they are transformed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from umamba_rt.core.estimate import Float32Array

Float64Array: TypeAlias = NDArray[np.float64]
Complex64Array: TypeAlias = NDArray[np.complex64]

RATE_HZ = 100.0
NYQUIST_HZ = RATE_HZ / 2
# Smooth spectra are drawn on this grid and interpolated: 72 points cost a tenth of 4,097.
COARSE_HZ: Float64Array = np.geomspace(0.004, NYQUIST_HZ, 72)


@dataclass(frozen=True, slots=True)
class FineGrid:
    """The bins of a real transform of ``size`` samples, with what is looked up often.

    Attributes:
        size: samples.
        hz: shape ``(size // 2 + 1,)``; the first is 0.
        index: of the ``COARSE_HZ`` point at or below each bin.
        fraction: of the way, in log frequency, to the next point.
    """

    size: int
    hz: Float32Array
    index: NDArray[np.intp]
    fraction: Float32Array

    def interpolate(self, curve: Float64Array) -> Float32Array:
        """A curve drawn on ``COARSE_HZ``, shape ``(..., 72)``, at every bin; linear in log f."""
        points = curve.astype(np.float32)
        low = points.take(self.index, axis=-1)
        low += self.fraction * (points.take(self.index + 1, axis=-1) - low)
        return low

    def zero_phase(self, log_amplitude: Float64Array) -> Float32Array:
        """The spectrum of a natural log amplitude, without phase."""
        curve = self.interpolate(log_amplitude)
        return np.exp(curve, out=curve)

    def causal(self, log_amplitude: Float64Array) -> Complex64Array:
        """The spectrum of a natural log amplitude, with the phase that lets nothing come early.

        Source: minimum phase by the cepstrum; Oppenheim and Schafer (1989), chapter 12.
        """
        cepstrum = fft.irfft(self.interpolate(log_amplitude), self.size)
        half = self.size // 2
        cepstrum[..., 1:half] *= 2
        cepstrum[..., half + 1 :] = 0
        return np.asarray(np.exp(fft.rfft(cepstrum)), dtype=np.complex64)


@cache
def fine_grid(size: int) -> FineGrid:
    """The grid of a transform of ``size`` samples at 100 Hz."""
    hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    safe = np.maximum(hz, COARSE_HZ[0])
    place = np.interp(np.log(safe), np.log(COARSE_HZ), np.arange(COARSE_HZ.size))
    index = np.minimum(place.astype(np.intp), COARSE_HZ.size - 2)
    return FineGrid(
        size=size,
        hz=hz.astype(np.float32),
        index=index,
        fraction=(place - index).astype(np.float32),
    )

"""A channel's native rate to the grid's 100 Hz, streaming, without delay and without memory loss.

Polyphase FIR (scipy's ``firwin`` and ``upfirdn``) with the filter's past kept between calls. The
soxr library was measured first: its stream holds back 4 to 40 s of data at these rates, a live
estimate's worth; this filter holds back 0.29 to 1.43 s (docs/decisions/0002-resampling.md).
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, kaiserord, upfirdn

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.timebase import RATE_HZ

NATIVE_RATES_HZ = (20.0, 40.0, 50.0, 100.0, 200.0, 250.0)
# Record headers carry the rate rounded: a float, or factor and multiplier. 1e-4 moves the last
# sample of a 4,096-byte record by less than half a sample.
RATE_TOLERANCE = 1e-4
STOP_BAND_DB = 90.0
PASS_BAND = 0.8


def supported_rate(rate_hz: float) -> float | None:
    """The supported native rate that ``rate_hz`` means, or None."""
    for rate in NATIVE_RATES_HZ:
        if abs(rate_hz - rate) <= RATE_TOLERANCE * rate:
            return rate
    return None


@cache
def _filter(up: int, down: int) -> NDArray[np.float64]:
    """Linear-phase low-pass taps at ``up`` times the native rate; odd count, gain ``up``.

    Flat to 80 % of the lower Nyquist frequency and down by 90 dB from it on, so nothing folds.
    """
    nyquist = 1.0 / max(up, down)  # of the lower rate, as a share of the filter's own Nyquist
    count, beta = kaiserord(STOP_BAND_DB, (1 - PASS_BAND) * nyquist)
    taps = firwin(count | 1, (1 + PASS_BAND) / 2 * nyquist, window=("kaiser", beta))
    return np.asarray(up * taps, dtype=np.float64)


class Resampler:
    """One gapless run of samples, brought to 100 Hz as it comes in.

    Output k lies at the time of input 0 plus k / 100 s: the filter's delay is taken out. The
    samples do not depend on how the input was cut.
    """

    def __init__(self, rate_hz: float) -> None:
        ratio = Fraction(RATE_HZ) / Fraction(rate_hz).limit_denominator(1000)
        self._up, self._down = ratio.numerator, ratio.denominator
        self._taps = _filter(self._up, self._down)
        self._half = len(self._taps) // 2
        # Inputs still needed; the first stands for input number ``_first`` of the run. The run
        # begins as if its first sample had been there before, so an offset makes no step.
        self._pending = np.zeros(0, dtype=np.float64)
        self._first = 0
        self._done = 0

    def push(self, samples: NDArray[np.generic]) -> Float32Array:
        """Take the next inputs; give the outputs that they settle.

        Args:
            samples: shape ``(n,)``, in the channel's unit.

        Returns:
            Shape ``(m,)``, the same unit; m may be 0.
        """
        new = np.asarray(samples, dtype=np.float64)
        if self._done == 0 and len(self._pending) == 0 and len(new):
            lead = self._half // self._up + 1
            self._pending = np.full(lead, new[0])
            self._first = -lead
        self._pending = np.concatenate((self._pending, new))
        last = self._first + len(self._pending) - 1
        # Output k needs inputs up to (k * down + half) / up.
        return self._emit((last * self._up - self._half) // self._down + 1)

    def finish(self) -> Float32Array:
        """End the run; give what the filter still held, as if the last sample went on."""
        if len(self._pending) == 0:
            return np.zeros(0, dtype=np.float32)
        total = ((self._first + len(self._pending) - 1) * self._up) // self._down + 1
        tail = np.full(self._half // self._up + 1, self._pending[-1])
        self._pending = np.concatenate((self._pending, tail))
        return self._emit(total)

    def _emit(self, stop: int) -> Float32Array:
        """Outputs ``_done`` to ``stop`` - 1; drops the inputs that no later one needs."""
        count = stop - self._done
        if count <= 0:
            return np.zeros(0, dtype=np.float32)
        # upfirdn's output j (before decimation) is centred on up-sampled input j - half. The first
        # output wanted is up-sampled position done * down, counted from the first pending input.
        # Decimation starts at a multiple of ``down``, hence the leading zeros in the taps.
        position = self._done * self._down - self._first * self._up + self._half
        shift = -position % self._down
        taps = np.concatenate((np.zeros(shift), self._taps)) if shift else self._taps
        begin = (position + shift) // self._down
        out = upfirdn(taps, self._pending, self._up, self._down)[begin : begin + count]
        self._done = stop
        keep_from = (stop * self._down - self._half) // self._up - 1
        drop = max(0, keep_from - self._first)
        self._pending, self._first = self._pending[drop:], self._first + drop
        return np.asarray(out, dtype=np.float32)

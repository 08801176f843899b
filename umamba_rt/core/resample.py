"""A channel's native rate to the grid's 100 Hz: any rate, streaming, on the grid's own instants.

Each output is a sum of the inputs around its time, weighted by a windowed sinc. The weights
come from one finely sampled prototype, so that no rate needs a filter of its own: 99.9998 Hz as a
polyphase filter takes 28 million taps (docs/decisions/0005-any-rate.md).
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache, lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray
from scipy.signal import kaiserord

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.numbers import as_numbers
from umamba_rt.core.timebase import NS_PER_S, RATE_HZ

STOP_BAND_DB = 90.0
PASS_BAND = 0.8
# Linear interpolation between prototype samples errs by (pi / steps)^2 / 8 = -118 dB.
_STEPS = 1024
# A run's phase is rounded to this part of an input sample (0.1 ms at 20 Hz), so that a run joined
# at another record, whose time is rounded to the microsecond, gives the same samples to the bit.
_PHASES = 256
# Weights are kept where the outputs cycle through few phases: all usual rates but the odd ones.
_MOST_CYCLE = 16
# So few outputs at a run's ends take the weights that the last run of this rate and phase laid out:
# where a stream breaks all the time, that saves 7 of 25 us at each gap.
_SHORT = 64
_BLOCK = 512  # outputs at once: bounds the memory of a long record
_NOTHING: Float32Array = np.zeros(0, dtype=np.float32)


@cache
def _prototype() -> tuple[int, float, NDArray[np.float64]]:
    """Half of the low-pass, sampled ``_STEPS`` times per sample of the lower rate.

    Returns:
        Half its length in samples of the lower rate, rounded up and exact; its values from the
        middle outwards, with zeros behind the end. Flat to 80 % of the lower Nyquist frequency
        and down by 90 dB from it on, so nothing folds.

    Source: J. F. Kaiser's window method, lengths by ``scipy.signal.kaiserord``.
    """
    count, beta = kaiserord(STOP_BAND_DB, 1 - PASS_BAND)
    half = count / 2
    position = np.arange(int(np.ceil(half)) * _STEPS + 2) / _STEPS
    inside = np.sqrt(np.maximum(0.0, 1 - (position / half) ** 2))
    window = np.where(position < half, np.i0(beta * inside) / np.i0(beta), 0.0)
    cutoff = (1 + PASS_BAND) / 2
    return int(np.ceil(half)), half, np.asarray(np.sinc(cutoff * position) * window)


@lru_cache(maxsize=64)  # at most 5 MB: a stream of many gaps begins many runs of one phase
def _cycle_rows(numerator: int, denominator: int, rest: int) -> NDArray[np.float64]:
    """The weights of a whole cycle of phases, from one that lies ``rest`` behind its input.

    The rate comes as two integers, for looking up a fraction takes 4 us.
    """
    rate_hz = Fraction(numerator, denominator)
    scale = RATE_HZ * denominator * _PHASES
    cycle = (rate_hz / RATE_HZ).denominator
    part = (rest + np.arange(cycle, dtype=np.int64) * numerator * _PHASES) % scale
    return _rows(part / scale, *_reach(rate_hz))


@lru_cache(maxsize=32)  # 1 MB at 50 Hz, 5 MB at 500 Hz
def _short_run(
    numerator: int, denominator: int, rest: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where the first outputs of a run lie from the first one's input on, and their weights."""
    rows = _cycle_rows(numerator, denominator, rest)
    number = np.arange(_SHORT, dtype=np.int64)
    whole = (rest + number * numerator * _PHASES) // (RATE_HZ * denominator * _PHASES)
    return whole, rows[number % len(rows)]


def _reach(rate_hz: Fraction) -> tuple[int, float]:
    """Inputs on each side that an output depends on, and how many a sample of the lower rate is."""
    stretch = max(1.0, float(rate_hz) / RATE_HZ)
    return int(np.ceil(_prototype()[0] * stretch)), stretch


def _rows(part: NDArray[np.float64], half: int, stretch: float) -> NDArray[np.float64]:
    """Weights of the inputs around outputs that lie ``part`` of an input behind one.

    Returns:
        Shape ``(len(part), 2 * half)``; each row sums to 1, so that a large offset leaves no ripple
        between the phases.
    """
    _, _, prototype = _prototype()
    away = np.abs(np.arange(1 - half, half + 1) - part[:, np.newaxis])
    place = np.minimum(away * (_STEPS / stretch), len(prototype) - 1.5)
    left = place.astype(np.int64)
    rows = prototype[left]
    rows += (prototype[left + 1] - rows) * (place - left)
    rows /= rows.sum(axis=1, keepdims=True)
    return rows


def _row_sums(around: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    # Row by row, never by matrix product: BLAS rounds by the batch's shape.
    sums: NDArray[np.float64] = np.add.reduce(around * weights, axis=1)
    return sums


class Resampler:
    """One gapless run of samples, brought to the grid as it comes in.

    Each output lies on a grid instant: the filter's delay and the run's own phase are taken out.
    The outputs do not depend, to the bit, on how the input was cut. A sample stands for half a
    period on each side: two runs that abut leave no grid instant between them open. A run begins
    as if its first sample had been there before, and ends as if its last one went on.
    """

    def __init__(self, rate_hz: Fraction, start_ns: int) -> None:
        """Begin a run.

        Args:
            rate_hz: native rate, Hz.
            start_ns: time of the first input, ns since 1970 UTC.
        """
        self._rate = rate_hz
        # Grid index g lies at input g * step - phase: both counted in 1 / scale of an input.
        self._scale = RATE_HZ * rate_hz.denominator * _PHASES
        self._step = rate_hz.numerator * _PHASES
        self._half, self._stretch = _reach(rate_hz)
        shared = gcd(rate_hz.numerator, RATE_HZ * rate_hz.denominator)
        self._cycle = RATE_HZ * rate_hz.denominator // shared
        self.begin(start_ns)

    def begin(self, start_ns: int) -> None:
        """Begin another run of the same rate; what the last one still held is dropped.

        Args:
            start_ns: time of the first input, ns since 1970 UTC.
        """
        self._phase = self._rounded(start_ns)
        self._kept: NDArray[np.float64] | None = None
        self._kept_from = 0
        # The first grid instant not half a sample before the first input: round half down.
        self.next_index = -((self._scale - 2 * self._phase) // (2 * self._step))
        # Joined only when they settle an output: between gaps many runs are shorter than that.
        self._pieces: list[NDArray[np.float64]] = []
        self._first = 0  # number of the run's input that ``_pieces`` begin with
        self._count = 0
        self.expected_ns = self._expected_ns()

    @property
    def edge_stop(self) -> int:
        """Grid index from which on no output depends on the begin of the run."""
        return -(-(self._half * self._scale + self._phase) // self._step)

    def shift(self, deviation_ns: int) -> None:
        """Follow the records' clock: from here on inputs lie this much later than thought."""
        self._phase += self._rounded(deviation_ns)
        self._kept = None
        self.expected_ns = self._expected_ns()

    def push(self, samples: NDArray[np.generic]) -> Float32Array:
        """Take the next inputs; give the outputs that they settle.

        Args:
            samples: shape ``(n,)``, in the channel's unit.

        Returns:
            Shape ``(m,)``, the same unit, from the grid index on that ``next_index`` said before
            the call; m may be 0.
        """
        if len(samples) == 0:
            return _NOTHING
        new = np.array(samples, dtype=np.float64)
        if self._count == 0:
            # One more than the filter's half: a shift may move an output back by up to a sample.
            self._first = -self._half - 1
            self._pieces.append(new[:1].repeat(self._half + 1))
        self._pieces.append(new)
        self._count += len(new)
        self.expected_ns = self._expected_ns()
        # Output g needs inputs up to floor(position) + half.
        settled = (self._count - self._half) * self._scale + self._phase
        return self._emit(-(-settled // self._step), is_edge=self._first < 0)

    def finish(self) -> Float32Array:
        """End the run; give what the filter still held."""
        if self._count == 0:
            return _NOTHING
        self._pieces.append(self._pieces[-1][-1:].repeat(self._half + 1))
        # Grid instants less than half a sample behind the last input.
        end = 2 * (self._count * self._scale + self._phase) - self._scale
        return self._emit(-(-end // (2 * self._step)), is_edge=True)

    def _expected_ns(self) -> int:
        # In integers: as fractions this took most of a small record's time.
        inputs = (self._phase + self._count * self._scale) * NS_PER_S
        return inputs * self._rate.denominator // (self._scale * self._rate.numerator)

    def _rounded(self, time_ns: int) -> int:
        """A time in 1 / scale of an input, rounded to ``_PHASES`` of one."""
        twice = 2 * time_ns * self._rate.numerator * _PHASES
        whole = NS_PER_S * self._rate.denominator
        return (twice + whole) // (2 * whole) * RATE_HZ * self._rate.denominator

    def _emit(self, stop: int, *, is_edge: bool) -> Float32Array:
        """Outputs up to grid index ``stop`` - 1; drops the inputs that no later one needs."""
        count = stop - self.next_index
        if count <= 0:
            return _NOTHING
        inputs = np.concatenate(self._pieces)
        # As sliding_window_view gives it, which takes 15 us to look at its arguments.
        shape = (len(inputs) - 2 * self._half + 1, 2 * self._half)
        windows = np.ndarray(shape, np.float64, inputs, 0, inputs.strides * 2)
        is_short = is_edge and count <= _SHORT and self._cycle <= _MOST_CYCLE
        out = self._short(windows, count) if is_short else self._long(windows, count)
        self.next_index = stop
        keep = max(0, self._position(stop)[0] - self._half - self._first)
        self._pieces, self._first = [inputs[keep:]], self._first + keep
        return as_numbers(out)  # a filter overshoots: from 3e38 past the range of float32

    def _short(self, windows: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        """The next outputs, by weights laid out before; ``windows``: rows around each input."""
        base, rest = self._position(self.next_index)
        whole, weights = _short_run(self._rate.numerator, self._rate.denominator, rest)
        begin = base + 1 - self._half - self._first
        if self._step % self._scale == 0:  # always as many inputs on: no copy
            around = windows[begin :: self._step // self._scale][:count]
        else:
            around = windows[whole[:count] + begin]
        return _row_sums(around, weights[:count])

    def _long(self, windows: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        """The next outputs, a block at a time; ``windows``: rows around each input."""
        out = np.empty(count, dtype=np.float64)
        for begin in range(0, count, _BLOCK):
            size = min(_BLOCK, count - begin)
            base, rest = self._position(self.next_index + begin)
            steps = rest + np.arange(size, dtype=np.int64) * self._step
            whole, part = np.divmod(steps, self._scale)
            around = windows[whole + (base + 1 - self._half - self._first)]
            out[begin : begin + size] = _row_sums(around, self._weights(part, begin))
        return out

    def _position(self, index: int) -> tuple[int, int]:
        """The input at or before a grid index, and the rest in 1 / scale."""
        return divmod(index * self._step - self._phase, self._scale)

    def _weights(self, part: NDArray[np.int64], begin: int) -> NDArray[np.float64]:
        """Weights of the inputs around each output, shape ``(m, 2 * half)``; rows sum to 1."""
        if self._cycle > _MOST_CYCLE:
            return _rows(part / self._scale, self._half, self._stretch)
        if self._kept is None:
            self._kept_from = self.next_index + begin
            rest = self._position(self._kept_from)[1]
            self._kept = _cycle_rows(self._rate.numerator, self._rate.denominator, rest)
        turn = (self.next_index + begin - self._kept_from) % self._cycle
        return self._kept[(turn + np.arange(len(part))) % self._cycle]

"""Short over long average of a band-passed stream, cut into pieces anyhow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.timebase import RATE_HZ
from umamba_rt.core.trigger_rules import StaLtaRules

Float64Array: TypeAlias = NDArray[np.float64]
# obspy begins its long average here, so that digital silence divides by something.
_LEAST = 1e-99


@dataclass(frozen=True, slots=True)
class StaLtaState:
    """Where a stream is, as plain values that outlive the process.

    Attributes:
        seen: samples since the start.
        offset: the first sample, counts.
        sections: of the filter, two numbers each.
        sta: the short average, or the sum that makes it.
        lta: the long one.
        squares: ``classic`` alone: the latest ``lta`` squares, oldest first.
    """

    seen: int
    offset: float
    sections: tuple[tuple[float, float], ...]
    sta: float
    lta: float
    squares: tuple[float, ...] = ()


class StaLta:
    """Takes a stream piece by piece; the ratios are the same to the bit for any cutting.

    The filter is causal and starts from the first sample, not from zero: an offset of 8,000,000
    counts would ring for seconds. The first ``lta`` ratios are 0, as obspy's are.

    Source: obspy.signal.trigger ``recursive_sta_lta`` and ``classic_sta_lta``, obspy.signal.filter
    ``bandpass``; read, not copied. Withers et al. (1998), BSSA 88, 95-106.
    """

    def __init__(self, rules: StaLtaRules, state: StaLtaState | None = None) -> None:
        self._rules = rules
        self._sos = _sections(rules.low_hz, rules.high_hz, rules.corners)
        self._seen = state.seen if state else 0
        self._offset = state.offset if state else 0.0
        self._zi = np.array(state.sections) if state else np.zeros((len(self._sos), 2))
        self._sta = state.sta if state else 0.0
        self._lta = state.lta if state else _LEAST * (rules.kind == "recursive")
        # The last ``lta`` squares: those from before the start are zero.
        self._squares = np.zeros(rules.lta if rules.kind == "classic" else 0)
        if state and state.squares:
            self._squares = np.array(state.squares)

    @property
    def state(self) -> StaLtaState:
        """Where it is now."""
        sections = tuple((float(a), float(b)) for a, b in self._zi)
        squares = tuple(map(float, self._squares))
        return StaLtaState(self._seen, self._offset, sections, self._sta, self._lta, squares)

    def ratios(self, samples: Float32Array) -> Float64Array:
        """The ratio at each sample.

        Args:
            samples: shape ``(n,)``, n >= 1, finite, counts; they follow those of the last call.

        Returns:
            Shape ``(n,)``, >= 0.
        """
        whole = samples.astype(np.float64)
        if self._seen == 0:
            self._offset = float(whole[0])
        filtered, self._zi = sosfilt(self._sos, whole - self._offset, zi=self._zi)
        squares = filtered * filtered
        if self._rules.kind == "recursive":
            ratios, warm_up = self._recursive(squares), self._rules.lta
        else:
            ratios, warm_up = self._classic(squares), self._rules.lta - 1
        if self._seen < warm_up:
            ratios[: warm_up - self._seen] = 0.0
        self._seen += len(samples)
        return ratios

    def _recursive(self, squares: Float64Array) -> Float64Array:
        sta = _forgetting(squares, self._rules.sta, self._sta)
        lta = _forgetting(squares, self._rules.lta, self._lta)
        self._sta, self._lta = float(sta[-1]), float(lta[-1])
        return sta / np.maximum(lta, _LEAST)

    def _classic(self, squares: Float64Array) -> Float64Array:
        nsta, nlta, count = self._rules.sta, self._rules.lta, len(squares)
        held = np.concatenate([self._squares, squares])
        sta = _running(self._sta, squares - held[nlta - nsta : nlta - nsta + count])
        lta = _running(self._lta, squares - held[:count])
        self._sta, self._lta = float(sta[-1]), float(lta[-1])
        self._squares = held[count:]
        # Sums that run on keep a rounding error of what has left them: 1e-16 of the loudest.
        return np.maximum(sta, 0.0) / np.maximum(lta, _LEAST) * (nlta / nsta)


@lru_cache
def _sections(low_hz: float, high_hz: float, corners: int) -> Float64Array:
    return np.asarray(butter(corners, (low_hz, high_hz), "bandpass", output="sos", fs=RATE_HZ))


def _forgetting(values: Float64Array, length: int, before: float) -> Float64Array:
    share = 1.0 / length
    averages, _ = lfilter([share], [1.0, share - 1.0], values, zi=[(1.0 - share) * before])
    return np.asarray(averages)


def _running(before: float, changes: Float64Array) -> Float64Array:
    """Sums after each change, added one after the other: the same for any cutting."""
    return np.asarray(np.add.accumulate(np.concatenate([[before], changes]))[1:])

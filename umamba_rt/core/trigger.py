"""When a stream rises over its own background: on and off times, sample by sample."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from umamba_rt.core.estimate import Float32Array
from umamba_rt.core.sta_lta import Float64Array, StaLta, StaLtaState
from umamba_rt.core.trigger_rules import TriggerRules
from umamba_rt.core.trigger_span import TriggerSpan


@dataclass(frozen=True, slots=True)
class TriggerState:
    """Where a trigger is, as plain values that outlive the process."""

    following: int | None
    is_on: bool
    spans: tuple[TriggerSpan, ...]
    average: StaLtaState


class Trigger:
    """A trigger on one stream that comes in pieces; the spans are the same for any cutting.

    Gaps: where the next piece begins behind the expected sample, the filter and the averages
    start anew at its first sample, and for the length of the long average nothing goes on. A span
    that was on ends where its data did. Shorter gaps, which the windows fill, are filtered over.

    With no refractory time the spans are those of obspy.signal.trigger ``trigger_onset``.
    """

    def __init__(self, rules: TriggerRules, state: TriggerState | None = None) -> None:
        self._rules = rules
        self._following = state.following if state else None
        self._is_on = state.is_on if state else False
        self._spans: deque[TriggerSpan] = deque(state.spans if state else ())
        self._average = StaLta(rules.average, state.average if state else None)

    def is_ahead(self, index: int) -> bool:
        """Whether it has seen samples from that index on."""
        return self._following is not None and self._following > index

    @property
    def following(self) -> int | None:
        """Index of the sample that it expects next; None where it begins anew."""
        return self._following

    @property
    def state(self) -> TriggerState:
        """Where it is now."""
        return TriggerState(self._following, self._is_on, tuple(self._spans), self._average.state)

    def feed(self, first: int, samples: Float32Array) -> None:
        """Take samples; those that it had already are passed over.

        Args:
            first: grid index of the first one.
            samples: shape ``(n,)``, counts, without NaN.
        """
        if self._following is not None and first <= self._following:
            samples, first = samples[self._following - first :], self._following
        if len(samples) == 0:
            return
        if first != self._following:
            self._restart()
        self._following = first + len(samples)
        if not np.isfinite(samples).all():  # a float record may hold 3e38, and a rotation infinity
            self._restart()
            self._following = None
            return
        self._follow(first, self._average.ratios(samples))
        self._forget(self._following - self._rules.keep)

    def within(self, first: int, stop: int) -> tuple[TriggerSpan, ...]:
        """The spans that hold a sample of a range of the grid, oldest first."""
        return tuple(
            span
            for span in self._spans
            if span.on < stop and (span.off is None or span.off > first)
        )

    def _follow(self, first: int, ratios: Float64Array) -> None:
        position = 0
        while position < len(ratios):
            rest = ratios[position:]
            # Nearly always nothing is crossed, and one look at the whole piece says so.
            crossed = rest < self._rules.off if self._is_on else rest >= self._rules.on
            step = int(np.argmax(crossed))
            if not crossed[step]:
                return
            position += step
            if self._is_on:
                self._end(first + position)
            else:
                self._begin(first + position)
                position += 1

    def _begin(self, index: int) -> None:
        self._is_on = True
        latest = self._spans[-1] if self._spans else None
        if latest is not None and index < latest.on + self._rules.refractory:
            self._spans[-1] = replace(latest, off=None)
        else:
            self._spans.append(TriggerSpan(index))

    def _end(self, index: int) -> None:
        self._is_on = False
        self._spans[-1] = replace(self._spans[-1], off=index)

    def _restart(self) -> None:
        if self._is_on and self._following is not None:
            self._end(self._following)
        self._average = StaLta(self._rules.average)

    def _forget(self, before: int) -> None:
        while self._spans and (off := self._spans[0].off) is not None and off <= before:
            # The refractory time counts from the latest onset, which is therefore kept.
            if len(self._spans) == 1:
                return
            self._spans.popleft()

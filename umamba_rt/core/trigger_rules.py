"""What a trigger goes by."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

AverageKind: TypeAlias = Literal["recursive", "classic"]


@dataclass(frozen=True, slots=True)
class StaLtaRules:
    """What is compared with what.

    Attributes:
        kind: ``recursive``: averages that forget exponentially. ``classic``: running means.
        low_hz: lower corner of the band-pass, Hz; > 0.
        high_hz: upper corner, Hz; above the lower one and below 50.
        corners: order of the Butterworth filter at each corner.
        sta: samples of the short average.
        lta: samples of the long one; above ``sta``.
    """

    kind: AverageKind = "recursive"
    low_hz: float = 12.0
    high_hz: float = 40.0
    corners: int = 4
    sta: int = 20
    lta: int = 600

    def at(self, native_rate_hz: float) -> StaLtaRules:
        """These rules with the band moved to where a channel of a lower rate holds something.

        The resampler passes 0.4 times the native rate; the band then spans a factor of three.
        """
        high_hz = min(self.high_hz, 0.4 * native_rate_hz)
        low_hz = self.low_hz if high_hz == self.high_hz else min(self.low_hz, high_hz / 3)
        return replace(self, low_hz=low_hz, high_hz=high_hz)


@dataclass(frozen=True, slots=True)
class TriggerRules:
    """When it goes on and off.

    Attributes:
        average: what the ratio is of.
        on: ratio from which it goes on.
        off: ratio below which it goes off; at most ``on``.
        refractory: samples after an onset in which going on again is no new onset.
        keep: samples for which a span that ended is still told.
    """

    average: StaLtaRules = field(default_factory=StaLtaRules)
    on: float = 4.0
    off: float = 2.0
    refractory: int = 200
    keep: int = 9001

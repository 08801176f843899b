"""Which windows the operator does not want: the rules of ``[quality]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from umamba_rt.core.quality import Quality
from umamba_rt.core.reasons import Reason

Defect: TypeAlias = Literal["clipped", "flat", "spikes", "dc_step"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a window is withheld.

    Attributes:
        reason: under which it is counted.
        detail: the same for the operator.
    """

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class WithholdRules:
    """What withholds a window.

    Attributes:
        defects: any of these.
        min_timing_quality: a known timing quality below this, per cent. One that is not known
            withholds nothing: most dataloggers state none.
    """

    defects: frozenset[Defect] = frozenset()
    min_timing_quality: int = 0

    def judge(self, quality: Quality) -> Verdict | None:
        """The first reason to withhold a window, or None."""
        timing = quality.timing_quality
        if timing is not None and timing < self.min_timing_quality:
            return Verdict(Reason.WITHHELD_TIMING, f"timing quality {timing} %")
        found: tuple[tuple[Defect, bool, Reason, str], ...] = (
            ("clipped", quality.clipped, Reason.WITHHELD_CLIPPED, "clipped"),
            ("flat", quality.flat_s > 0, Reason.WITHHELD_FLAT, f"flat for {quality.flat_s:g} s"),
            ("spikes", quality.spikes > 0, Reason.WITHHELD_SPIKES, f"{quality.spikes} spikes"),
            ("dc_step", quality.dc_step, Reason.WITHHELD_DC_STEP, "its level jumps"),
        )
        for name, is_so, reason, detail in found:
            if is_so and name in self.defects:
                return Verdict(reason, detail)
        return None


NOTHING_WITHHELD = WithholdRules()

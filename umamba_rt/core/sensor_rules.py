"""How the sensors of all stations are treated: what the operator decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from umamba_rt.core.channel import REORDER_NS
from umamba_rt.core.gaps import Fill
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.core.window import WindowRules
from umamba_rt.core.withhold import NOTHING_WITHHELD, WithholdRules

VerticalOnly: TypeAlias = Literal["skip", "repeat-z"]


@dataclass(frozen=True, slots=True)
class SensorRules:
    """How a sensor is treated.

    Attributes:
        window: how its windows are cut.
        capacity: samples that its ring holds of each component.
        stale_after_ns: silence after which it is called stale.
        reorder_ns: how much later than its turn a record may come and be taken as if in its turn.
        fill: how gaps up to the largest are filled.
        vertical_only: what becomes of a sensor whose horizontals have not come within the wait
            for samples. ``repeat-z``: the vertical stands for all three components.
        withhold: which windows are withheld for their quality.
        resend_late: whether windows that late samples change go out again.
    """

    window: WindowRules
    capacity: int
    stale_after_ns: int
    reorder_ns: int = REORDER_NS
    fill: Fill = "linear"
    vertical_only: VerticalOnly = "skip"
    withhold: WithholdRules = NOTHING_WITHHELD
    resend_late: bool = False

    @property
    def silence(self) -> str:
        """What is said of a stale one: no time, since the machine's clock may have been set."""
        return f"no data for {self.stale_after_ns / NS_PER_S:g} s"

"""From counts to ground motion: what one count of a sensor stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Unit: TypeAlias = Literal["m/s", "m/s^2", "counts"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """The overall sensitivity of a sensor's three components.

    Attributes:
        unit: of the ground motion that a window divided by ``counts_per_unit`` is in; ``counts``
            where the sensitivity is not known.
        counts_per_unit: of Z, N, E; > 0. Ones where the unit is ``counts``.

    Source: FDSN StationXML 1.2, InstrumentSensitivity: valid at its own frequency, used for the
    whole band.
    """

    unit: Unit
    counts_per_unit: tuple[float, float, float]


COUNTS = Calibration("counts", (1.0, 1.0, 1.0))

"""What a trigger tells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TriggerSpan:
    """From an onset to its end.

    Attributes:
        on: grid index of the first sample at which the ratio reached ``on``.
        off: grid index after the last sample at which it had not fallen below ``off``; None while
            it goes on.
    """

    on: int
    off: int | None = None

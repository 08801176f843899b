"""Which native rates can be brought to 100 Hz, and which rate a header means."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

LOWEST_HZ, HIGHEST_HZ = 20, 500
# Headers carry a rate as a float32, or as two 16-bit integers: 66.67 and 133.33 Hz stand for 200/3
# and 400/3 Hz, 5e-5 and 2.5e-5 away. Dataloggers' own clocks are better than 1e-5.
ROUNDED = 6e-5
_SIMPLE = 8
_FINEST = 100_000
# Within a run a header may wander by this much: its samples' times are kept by the records' starts.
SAME_RATE = 2e-4


@lru_cache(maxsize=256)  # a header's rate hardly ever changes, and finding its fraction takes 8 us
def nominal_rate(rate_hz: float) -> Fraction | None:
    """The rate that a header means, Hz, or None outside of 20 to 500 Hz.

    A fraction with a denominator up to 8 where one lies within 6e-5, else the header's own
    number to 1e-5 Hz. So a header that wanders in its last digits means one rate.
    """
    if not LOWEST_HZ * (1 - ROUNDED) <= rate_hz <= HIGHEST_HZ * (1 + ROUNDED):
        return None
    simple = Fraction(rate_hz).limit_denominator(_SIMPLE)
    if abs(rate_hz - simple) <= ROUNDED * rate_hz:
        return simple
    return Fraction(rate_hz).limit_denominator(_FINEST)


def is_same_rate(one: Fraction, other: Fraction) -> bool:
    """Whether two records' rates may belong to one run of samples."""
    return one == other or abs(one - other) <= SAME_RATE * other

"""Types of arguments on the command line."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

_Number = TypeVar("_Number", int, float)


def positive(kind: type[_Number]) -> Callable[[str], _Number]:
    """An argparse type: a finite number above 0."""

    def read(text: str) -> _Number:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise ValueError(text)
        return value

    read.__name__ = "number above 0"
    return read


def finite(text: str) -> float:
    """An argparse type: a number, neither infinite nor NaN."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


finite.__name__ = "finite number"


def not_negative(text: str) -> int:
    """An argparse type: a whole number, 0 or more."""
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value


not_negative.__name__ = "whole number from 0"


def speed(text: str) -> float:
    """An argparse type: a number above 0, or ``max``."""
    return float("inf") if text == "max" else positive(float)(text)


speed.__name__ = "number above 0 or max"


def seed(text: str) -> int:
    """An argparse type: a whole number from 0 to 2**31 - 1, as in the configuration."""
    value = int(text)
    if not 0 <= value < 2**31:
        raise ValueError(text)
    return value


seed.__name__ = "whole number from 0 to 2147483647"

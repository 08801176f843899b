"""The groups that errors are told by: magnitude, distance, signal to noise and the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from umamba_rt.training.evaluate import EvaluatedWindow

DISTANCE_EDGES_KM = (0.0, 10.0, 30.0, 60.0, 100.0, 200.0, 300.0)
SNR_EDGES_DB = (-math.inf, 10.0, 20.0, 30.0, 40.0)
UNKNOWN = "unknown"


def _bin(value: float, edges: Sequence[float], unit: str) -> str:
    """The name of the bin that a value lies in; the last edge is open upwards."""
    if math.isnan(value):
        return UNKNOWN
    for low, high in pairwise(edges):
        if value < high:
            return f"< {high:g} {unit}" if math.isinf(low) else f"{low:g} to {high:g} {unit}"
    return f">= {edges[-1]:g} {unit}"


def _magnitude_bin(window: EvaluatedWindow) -> str:
    low = math.floor(window.magnitude)
    return f"{low:g} to {low + 1:g}"


GROUPINGS: Mapping[str, Callable[[EvaluatedWindow], str]] = {
    "magnitude": _magnitude_bin,
    "distance": lambda window: _bin(window.distance_km, DISTANCE_EDGES_KM, "km"),
    "snr": lambda window: _bin(window.snr_db, SNR_EDGES_DB, "dB"),
    "unit": lambda window: window.unit,
    "network": lambda window: window.network or UNKNOWN,
    "part": lambda window: window.part or UNKNOWN,
    "magnitude_type": lambda window: window.magnitude_type or UNKNOWN,
    "grade": lambda window: window.grade or UNKNOWN,
}


def grouped(
    windows: Sequence[EvaluatedWindow], name: str
) -> dict[str, tuple[EvaluatedWindow, ...]]:
    """Windows by the groups of a grouping, in the order of the smallest value where there is one.

    Args:
        windows: any.
        name: one of ``GROUPINGS``.
    """
    found: dict[str, list[EvaluatedWindow]] = {}
    for window in sorted(windows, key=lambda window: _order(window, name)):
        found.setdefault(GROUPINGS[name](window), []).append(window)
    return {group: tuple(members) for group, members in found.items()}


def _order(window: EvaluatedWindow, name: str) -> tuple[float, str]:
    value = {
        "magnitude": window.magnitude,
        "distance": window.distance_km,
        "snr": window.snr_db,
    }.get(name, 0.0)
    return (math.inf if math.isnan(value) else value), GROUPINGS[name](window)

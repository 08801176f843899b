"""Evaluated windows made by the tests."""

from __future__ import annotations

from collections.abc import Mapping

from umamba_rt.training.evaluate import EvaluatedWindow

_FIELDS: Mapping[str, object] = {
    "trace_name": "a",
    "part": "made",
    "split": "test",
    "source_id": "ev1",
    "magnitude": 4.0,
    "magnitude_type": "ml",
    "network": "AA",
    "station": "S",
    "location": "",
    "channel": "HH",
    "unit": "m/s",
    "distance_km": 50.0,
    "depth_km": 10.0,
    "snr_db": 30.0,
    "clipped": False,
    "grade": "A",
    "seconds_after_p": 25.0,
    "ends_after_p_s": 25.0,
    "mirrored_s": 0.0,
    "window_snr_db": 30.0,
    "predicted": 4.0,
    "uncertainty": float("nan"),
    "constant": 3.0,
    "ridge": 4.5,
    "wood_anderson": 4.25,
}


def window(**fields: object) -> EvaluatedWindow:
    """A window; ``fields`` replace what it says."""
    unknown = set(fields) - set(_FIELDS)
    assert not unknown, unknown
    return EvaluatedWindow(**{**_FIELDS, **fields})  # type: ignore[arg-type]

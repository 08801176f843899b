"""Labelled records made by the tests."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from umamba_rt.core.calibration import Unit
from umamba_rt.training.record import LabelledRecord


def record(
    samples: int = 9000,
    p_sample: float = 3000.0,
    *,
    magnitude: float = 4.0,
    source_id: str = "ev1",
    unit: Unit = "m/s",
    seed: int = 0,
    array: np.ndarray | None = None,
    **fields: object,
) -> LabelledRecord:
    """Noise of 1e-7, and from P on of 10**(magnitude - 9); ``fields`` replace what it says."""
    rng = np.random.default_rng(seed)
    made = rng.normal(0, 1e-7, (3, samples))
    if not math.isnan(p_sample):
        made[:, round(p_sample) :] *= 1 + 10 ** (magnitude - 2)
    about: Mapping[str, object] = {
        "trace_name": f"{source_id}-{seed}",
        "split": "test",
        "part": "made",
        "magnitude_type": "ml",
        "network": "AA",
        "station": f"S{seed}",
        "location": "",
        "channel": "HH",
        "s_sample": math.nan,
        "distance_km": 50.0,
        "depth_km": 10.0,
        "snr_db": 30.0,
        "native_rate_hz": 100.0,
        "clipped": False,
        "grade": "A",
        **fields,
    }
    return LabelledRecord(
        source_id=source_id,
        magnitude=math.nan if math.isnan(p_sample) else magnitude,
        samples=(made if array is None else array).astype(np.float32),
        unit=unit,
        p_sample=p_sample,
        **about,  # type: ignore[arg-type]
    )

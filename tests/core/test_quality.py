"""core/quality.py: the signal-to-noise ratio."""

from __future__ import annotations

import numpy as np
import pytest

from umamba_rt.core.quality import snr_db


def snr_of(trace: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> float | None:
    return snr_db(trace.astype(np.float32))


@pytest.mark.parametrize("loud_s", [1, 20])
@pytest.mark.parametrize("ratio", [1.0, 10.0, 1000.0])
def test_snr_is_the_ratio_of_known_amplitudes(ratio: float, loud_s: int) -> None:
    time_s = np.arange(3001) / 100
    trace = 50 * np.sin(2 * np.pi * 5 * time_s)
    trace[1000 : 1000 + loud_s * 100] *= ratio
    offset_and_drift = 1e5 + 0.01 * time_s
    found = snr_of(trace + offset_and_drift)
    assert found == pytest.approx(20 * np.log10(ratio), abs=0.02)


def test_snr_of_a_trace_without_noise_is_unknown() -> None:
    assert snr_of(np.full(3001, 7, np.float32)) is None
    burst = np.zeros(3001, np.float32)
    burst[2000:2050] = 9.0
    assert snr_of(burst) is None


def test_a_whole_second_is_enough_for_an_snr() -> None:
    assert snr_of(np.random.default_rng(3).normal(size=101)) == 0.0

"""tools/soak_meter.py: a leak shows, and a backlog that is held for a while does not."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tools.soak_meter import Meter, Sample, is_flat
from tools.soak_processes import Process

SECONDS = 1200


def figures_of(process: Process, sizes_mb: list[float]) -> dict[str, object]:
    meter = Meter(process)
    meter.samples = [Sample(float(n), 7, mb + 30, mb, 50) for n, mb in enumerate(sizes_mb)]
    return meter.figures(speed=2.0)


@pytest.mark.parametrize(("leak_mb_per_h", "flat"), [(0.0, True), (5.0, False)])
def test_a_leak_is_told_from_a_backlog(
    tmp_path_factory: pytest.TempPathFactory, leak_mb_per_h: float, flat: bool
) -> None:
    log = tmp_path_factory.mktemp("meter") / "log"
    process = Process([sys.executable, "-c", ""], log, {})
    process.end()
    rng = np.random.default_rng(0)
    sizes = 210 + rng.normal(0, 0.8, SECONDS) + np.arange(SECONDS) * 2 / 3600 * leak_mb_per_h
    sizes[1000:1080] += 15  # the last minutes' backlog, which a straight line would follow
    found = figures_of(process, list(sizes))
    slope = found["rss_slope_mb_per_archive_h"]
    assert isinstance(slope, float)
    assert slope == found["own_slope_mb_per_archive_h"]
    assert abs(slope - leak_mb_per_h) < 1
    assert is_flat(found) == flat


def test_of_a_short_life_no_slope_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    log = tmp_path_factory.mktemp("meter") / "log"
    process = Process([sys.executable, "-c", ""], log, {})
    process.end()
    found = figures_of(process, [210.0] * 100)
    assert found["rss_slope_mb_per_archive_h"] is None
    assert is_flat(found)

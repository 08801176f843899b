"""tools/soak_meter.py: a leak shows, and a backlog that is held for a while does not."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tools.soak_meter import Meter, Sample, is_flat, look_at
from tools.soak_processes import Process

SECONDS = 1200


def figures_of(process: Process, sizes_mb: list[float]) -> dict[str, object]:
    meter = Meter(process)
    meter.samples = [Sample(float(n), 7, mb, 30.0, mb, 50) for n, mb in enumerate(sizes_mb)]
    return meter.figures(speed=2.0, pass_s=199.0)


@pytest.mark.parametrize(("leak_mb_per_h", "flat"), [(0.0, True), (5.0, False)])
def test_a_leak_is_told_from_a_backlog(
    tmp_path_factory: pytest.TempPathFactory, leak_mb_per_h: float, flat: bool
) -> None:
    log = tmp_path_factory.mktemp("meter") / "log"
    process = Process([sys.executable, "-c", ""], log, {})
    process.end()
    rng = np.random.default_rng(0)
    sizes = 210 + rng.normal(0, 0.1, SECONDS) + np.arange(SECONDS) * 2 / 3600 * leak_mb_per_h
    sizes += np.arange(SECONDS) % 20 / 5  # three trims a minute
    sizes[1000:1080] += 15  # the last minutes' backlog, which a straight line would follow
    sizes[820:860] -= 15  # without a server
    sizes += 4.0 * (np.arange(SECONDS) % 200 < 80)  # the earthquakes of each pass
    found = figures_of(process, list(sizes))
    slope = found["rss_slope_mb_per_archive_h"]
    assert isinstance(slope, float)
    assert slope == found["own_slope_mb_per_archive_h"]
    assert abs(slope - leak_mb_per_h) < 1
    medians = found["rss_medians_mb"]
    assert isinstance(medians, list)
    assert len(medians) == 4
    assert is_flat(found) == flat


def test_of_a_short_life_no_slope_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    log = tmp_path_factory.mktemp("meter") / "log"
    process = Process([sys.executable, "-c", ""], log, {})
    process.end()
    found = figures_of(process, [210.0] * 100)
    assert found["rss_slope_mb_per_archive_h"] is None
    assert is_flat(found) is None


def test_children_are_looked_at_with_their_parent() -> None:
    """A process of 64 MiB that has begun one of its own."""
    script = "import subprocess, sys; kept = bytearray(b'1') * (64 << 20); "
    script += "subprocess.Popen([sys.executable, '-c', 'print(1, flush=True); input()']).wait()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = look_at(process.pid)
        process.communicate(b"\n")
    assert found is not None
    assert found.rss_mb > 64
    assert 2 < found.children_mb < 40
    assert 64 < found.own_mb < found.rss_mb + found.children_mb
    assert found.descriptors >= 6
    assert look_at(process.pid) is None

"""The soak's last phase: what the daemon takes at rest, and of memory with a few stations."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.benchmark_processes import config_of, cpu_s
from tools.processes import free_port, rss_mib, running
from tools.soak_archive import Slice
from tools.soak_scene import PATIENT, Scene, Setting
from tools.soak_trial import Trial
from tools.soak_windows import Tally, direct

STATIONS = 13
MAX_IDLE_PERCENT = 1.0
MAX_READY_S = 6.0
_MAX_RSS_MIB = {"fast-cpu": 300.0}
_MAX_RSS_ELSE_MIB = 600.0  # PyTorch
# What a start leaves to be done.
_SETTLE_S = 5.0


@dataclass(frozen=True, slots=True)
class Load:
    """How long the daemon idles, s; and of the stations: data, s, and times real time."""

    idle_s: float
    length_s: float
    speed: float


def soak(folder: Path, records: Slice, load: Load) -> dict[str, object]:
    """Run it; the figures, and ``good``.

    Args:
        folder: empty; for everything that is written.
        records: what is replayed.
        load: how much of it.
    """
    (folder / "idle").mkdir()
    text = config_of(folder / "idle", server_port=free_port(), feed_port=free_port())
    with running(folder / "idle", text) as daemon:
        time.sleep(_SETTLE_S)
        before_s, began_s = cpu_s(daemon.process.pid), time.monotonic()
        time.sleep(load.idle_s)
        used_s = cpu_s(daemon.process.pid) - before_s
        percent = 100 * used_s / (time.monotonic() - began_s)
        ready_s, engine = daemon.ready_s, daemon.engine
    windows, rss = _with_stations(folder, records, load)
    limit = _MAX_RSS_MIB.get(engine, _MAX_RSS_ELSE_MIB)
    return {
        "engine": engine,
        "ready_s": ready_s,
        "idle_cpu_percent": round(percent, 2),
        "stations": STATIONS,
        **windows.figures(),
        "rss_mib": rss,
        "good": windows.is_clean
        and percent < MAX_IDLE_PERCENT
        and ready_s < MAX_READY_S
        and rss < limit,
    }


def _with_stations(folder: Path, records: Slice, load: Load) -> tuple[Tally, float]:
    """The windows of a few stations, and the daemon's resident memory behind the last one, MiB."""
    archive = folder / "archive.mseed"
    records.write(archive, STATIONS, load.length_s)
    setting = Setting((str(archive),), f"{load.speed:g}", mode="live", more=PATIENT)
    tally = Tally(direct(folder, setting))
    (folder / "scene").mkdir()
    scene = Scene(folder / "scene", setting)
    try:
        Trial(scene, tally).run()
        return tally, rss_mib(scene.daemon.pid)
    finally:
        scene.close()

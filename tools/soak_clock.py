"""The soak's second phase: a live daemon whose clock is set an hour ahead and back."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.soak_archive import Slice
from tools.soak_scene import PATIENT, Scene, Setting
from tools.soak_trial import Step, Trial
from tools.soak_windows import Tally, direct
from umamba_rt.core.timebase import NS_PER_S

_LIBRARY = "faketime/libfaketime.so.1"
_STEPS_S = (3600, 0, -3600, 0)  # what the machine's clock is ahead of UTC by, one after the other
_NONE_OF = ("segments_refused_future", "windows_dropped_overload")  # the heartbeat's, absent at 0
# A step may make no window later than those before it by more. Beside other work it was 0.3 s.
MAX_LATER_S = 1.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is replayed: stations, for how long (of data, s), at how many times real time."""

    stations: int
    length_s: float
    speed: float


@dataclass(slots=True)
class Punctuality:
    """Takes windows, and how late each was: by how much it came after its turn in the replay.

    Attributes:
        tally: what the windows are held against.
        came: when each new one came, monotonic s, and how late it was, s, from any zero; without
            those that waited for samples that were missing.
    """

    tally: Tally
    speed: float
    came: list[tuple[float, float]] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """As of the tally."""
        return self.tally.is_complete

    def take(self, body: Mapping[str, Any]) -> bool:
        """As of the tally."""
        now_s = time.monotonic()
        is_new = self.tally.take(body)
        if is_new and not body["quality"]["filled_s"]:
            end_s = datetime.fromisoformat(body["window_end"]).timestamp()
            self.came.append((now_s, now_s - end_s / self.speed))
        return is_new

    def latest_s(self, from_s: float, until_s: float) -> float:
        """How late the latest of the windows was that came in a time, s."""
        return max(late for at_s, late in self.came if from_s <= at_s < until_s)

    def longest_silence_s(self) -> float:
        """The longest time between two windows of any station, s."""
        times = [at_s for at_s, _ in self.came]
        return max(b - a for a, b in pairwise(times))


def library() -> Path | None:
    """Debian's libfaketime, where it is installed."""
    return next(iter(sorted(Path("/usr/lib").glob(f"*/{_LIBRARY}"))), None)


def soak(folder: Path, records: Slice, load: Load) -> dict[str, object]:
    """Run it; the figures, and ``good``, or ``skipped`` and why: not good.

    Args:
        folder: empty; for everything that is written.
        records: what is replayed, to end now at the latest.
        load: how much of it.
    """
    faketime = library()
    if faketime is None:
        return {"skipped": "libfaketime is not installed (apt-get install faketime)", "good": False}
    archive, offset = folder / "archive.mseed", folder / "offset"
    begin_ns = time.time_ns() - round((load.length_s + 5) * NS_PER_S)
    records.write(archive, load.stations, load.length_s, begin_ns=begin_ns)
    offset.write_text("+0\n", encoding="ascii")
    environment = _environment(faketime, offset)
    setting = Setting(
        (str(archive),), f"{load.speed:g}", mode="live", environment=environment, more=PATIENT
    )
    tally = Tally(direct(folder, setting))
    windows, stepped_s = Punctuality(tally, load.speed), list[float]()

    def step() -> None:
        ahead_s = _STEPS_S[len(stepped_s)]
        beside = offset.with_suffix(".new")  # it is read at any moment
        beside.write_text(f"{ahead_s:+d}\n", encoding="ascii")
        beside.replace(offset)
        stepped_s.append(time.monotonic())

    pause_s = (load.length_s - 30) / load.speed / (len(_STEPS_S) + 1)
    (folder / "scene").mkdir()
    scene = Scene(folder / "scene", setting)
    trial = Trial(scene, windows, [Step("step", pause_s)] * len(_STEPS_S), {"step": step})
    try:
        trial.run()
    finally:
        scene.close()
    return _report(load, windows, stepped_s, scene, trial)


def _report(
    load: Load, windows: Punctuality, stepped_s: list[float], scene: Scene, trial: Trial
) -> dict[str, object]:
    logged = [round(float(str(line["by_s"]))) for line in scene.logged("clock_stepped")]
    expected = [b - a for a, b in pairwise((0, *_STEPS_S))]
    before_s = windows.latest_s(0, stepped_s[0])
    later_s = windows.latest_s(stepped_s[0], float("inf")) - before_s
    counts = trial.beat["counts"]
    refused = sum(counts.get(name, 0) for name in _NONE_OF)
    return {
        "stations": load.stations,
        "speed": load.speed,
        "steps_s": expected,
        "steps_logged_s": logged,
        **windows.tally.figures(),
        "refused_or_dropped": refused,
        "longest_silence_s": round(windows.longest_silence_s(), 2),
        "later_than_before_s": round(later_s, 2),
        "good": windows.tally.is_clean
        and logged == expected
        and not refused
        and later_s < MAX_LATER_S,
    }


def _environment(faketime: Path, offset: Path) -> dict[str, str]:
    """What makes libfaketime add the seconds in a file to CLOCK_REALTIME, and to nothing else.

    Looking into the file at each call would take the daemon 14 s to start; once a second is enough.
    Measured with 0.9.10: CLOCK_MONOTONIC and CLOCK_BOOTTIME run on.
    """
    return {
        "LD_PRELOAD": str(faketime),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_CACHE_DURATION": "1",
        "NO_FAKE_STAT": "1",
    }

"""The soak's first phase: a long replay of many stations with faults at random moments."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.soak_archive import Slice
from tools.soak_disk import mounted, why_not
from tools.soak_meter import Meter, is_flat
from tools.soak_scene import Scene, Setting
from tools.soak_slow import SlowSubscriber
from tools.soak_trial import Step, Trial
from tools.soak_windows import Expected, Tally, direct

MAX_RECOVERY_S = 20.0
# Faults that end the daemon's life come in this part of the run: the rest shows whether memory
# and descriptors of one process grow under the others. Of those each kind comes once soon after,
# for what the longest backlog took of the heap is not given back wholly (4 MB of 182).
_KILLS_UNTIL, _EACH_UNTIL = 0.2, 0.4
# The last fault comes in time for its consequences.
_FAULTS_UNTIL = 0.85
# Of the messages, what a slow subscriber takes.
_SLOW_PART = 0.25
# A shorter run is a test's: its daemon lives too briefly for a slope, and no queue of a slow
# subscriber fills.
_WHOLE_MINUTES = 20.0
# A history of the default 50,000 messages fills for minutes, which would pass for a leak.
_MORE = "[history]\nmemory_messages = 2000\ndisk_mb = 1\n"


@dataclass(frozen=True, slots=True)
class Load:
    """What is replayed, and how often it is disturbed.

    Attributes:
        stations: how many.
        minutes: for how long, by the wall clock.
        speed: archive seconds a second.
        every_s: mean time between two faults, s.
        hold_s: for how long a daemon is stopped, and a disk full, s.
    """

    stations: int
    minutes: float
    speed: float
    every_s: float
    hold_s: float


def soak(folder: Path, records: Slice, load: Load, rng: random.Random) -> dict[str, object]:
    """Run it.

    Args:
        folder: empty; for everything that is written.
        records: what is replayed.
        load: how much of it.
        rng: of the faults and their moments.

    Returns:
        The figures, and ``good``.
    """
    began_s = time.monotonic()
    turns, length_s = _turns(records, load)
    expected = _expected(folder, records, load.stations, turns * length_s)
    undisturbed_s = round(time.monotonic() - began_s, 1)
    print(f"undisturbed: {len(expected)} windows in {undisturbed_s:g} s", flush=True)
    archive = folder / "archive.mseed"
    records.write(archive, load.stations, length_s)
    choice = str(archive), "--turns", str(turns)
    query = f"ipc://{folder}/query"
    slow_feed = f"ipc://{folder}/slow"
    setting = Setting(choice, f"{load.speed:g}", query=query, slow=slow_feed, more=_MORE)
    (folder / "scene").mkdir()
    with mounted(folder / "disk") as disk:
        scene = Scene(folder / "scene", setting, disk=disk)
        plan = _plan(load, rng, with_disk=disk is not None)
        tally, meter = Tally(expected), Meter(scene.daemon)
        trial = Trial(scene, tally, plan)
        slow = SlowSubscriber(slow_feed, load.stations * load.speed * _SLOW_PART)
        began_s = time.monotonic()
        try:
            slow.start()
            meter.start()
            trial.run()
            meter.end()
            slow.end()
        finally:
            scene.close()
        report: dict[str, object] = {
            "stations": load.stations,
            "speed": load.speed,
            "took_s": round(time.monotonic() - began_s, 1),
            "undisturbed_s": undisturbed_s,
            "faults": dict(sorted(Counter(trial.done).items())),
            "timeline_s": list(zip(trial.moments_s, trial.done, strict=True)),
            "logged": dict(sorted(scene.events_logged().items())),
            **tally.figures(),
            "repeats_dropped": scene.feed.repeated,
            **trial.restart_figures(),
            "state_saves_failed_while_full": trial.full_failures,
            "state_not_saved_logged": len(scene.logged("state_not_saved")),
            "saved_again_s": trial.recoveries_s,
            "slow_subscriber": {"received": slow.received, "missed": slow.missed},
            "no_full_disk": None if disk else why_not() or "no file system can be mounted here",
            **meter.figures(load.speed, records.length_s / load.speed),
        }
        whole = load.minutes >= _WHOLE_MINUTES
        report["good"] = (
            tally.is_clean
            and trial.is_prompt(load.speed)
            and _is_saved(trial)
            and disk is not None
            and is_flat(report) in ({True} if whole else {True, None})
            and slow.received > 0
            and (slow.missed > 0 or not whole)
        )
    return report


def _is_saved(trial: Trial) -> bool:
    """Whether full disks were told of, and what they held up was saved in time behind them."""
    full = trial.done.count("fill")
    told = not full or trial.full_failures > 0
    saved = len(trial.recoveries_s) == full and max(trial.recoveries_s, default=0) < MAX_RECOVERY_S
    return told and saved


def _turns(records: Slice, load: Load) -> tuple[int, float]:
    """How many passes the server sends, and the length of one, s."""
    length_s = load.minutes * 60 * load.speed
    turns = round(length_s / records.length_s)
    return (turns, records.length_s) if turns > 1 else (1, length_s)


def _expected(folder: Path, records: Slice, stations: int, length_s: float) -> Expected:
    """Of all stations, though only those with samples of their own are run."""
    archive = folder / "undisturbed.mseed"
    records.write(archive, min(stations, records.sensors), length_s)
    expected = direct(folder, Setting((str(archive),), more=_MORE))
    expected.copy_sensors(records.copies(stations))
    archive.unlink()
    return expected


def _plan(load: Load, rng: random.Random, *, with_disk: bool) -> list[Step]:
    """Random faults at random moments, each kind among them early on."""
    pause, length_s = f"pause {load.hold_s:g}", load.minutes * 60
    kinds = {"server": ["server"], "pause": [pause], "daemon": ["daemon"]}
    if with_disk:
        kinds["disk"] = ["fill", "free"]
    count = max(len(kinds), round(length_s * _FAULTS_UNTIL / load.every_s))
    spans = [(name, _KILLS_UNTIL, _EACH_UNTIL) for name in kinds]
    spans += [(rng.choice(list(kinds)), 0.0, _FAULTS_UNTIL) for _ in range(count - len(kinds))]
    moments = sorted(
        (rng.uniform(*((0.0, _KILLS_UNTIL) if name == "daemon" else span)) * length_s, name)
        for name, *span in spans
    )
    plan, before_s = [], 0.0
    for moment_s, name in moments:
        first, *others = kinds[name]
        at_start = name == "daemon" and rng.random() < 0.1
        plan.append(Step(first, max(0.0, moment_s - before_s), at_start))
        plan += [Step(step, load.hold_s) for step in others]
        before_s = max(before_s, moment_s) + load.hold_s * len(others)
    return plan

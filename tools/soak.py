#!/usr/bin/env python3
"""Hold the daemon to what a year may bring: faults, clocks that are set, overload.

An archive's waveforms stand for many stations, one pass behind the other with later times. Four
phases, each a module ``soak_*.py``, whose figures and verdicts are the report:

- ``faults``: daemon and server are killed, the daemon is stopped, its disk is full, all at random
  moments, and a subscriber cannot keep up; each window is compared with an undisturbed run's.
- ``clock``: a live daemon whose clock is set an hour ahead and back.
- ``overload``: a live daemon that is sent three times what its engine can do.
- ``rest``: idle processor time, start, memory with 13 stations.

Ends with 0 only if all held. Phases that are not run again are kept in the output.

    tools/soak.py ARCHIVE --stations 100 --minutes 60 --output docs/soak.json
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools import soak_clock, soak_faults, soak_overload, soak_rest
from tools.soak_archive import Slice
from umamba_rt.cli import time_ns

PHASES = ("faults", "clock", "overload", "rest")
# What a phase's line on the terminal tells of its figures.
_TOLD = {
    "faults": "windows lost extra doubled different restart_max_s rss_slope_mb_per_archive_h",
    "clock": "windows lost extra doubled different later_than_before_s",
    "overload": "times windows missing dropped_by_heartbeat processing_ms_p99 unfairness",
    "rest": "engine ready_s idle_cpu_percent rss_mib",
}


def main() -> int:
    """Run the phases; 0 when all held, 1 when not."""
    options = _options()
    report = _kept(options.output)
    records = Slice(options.archive, options.start, options.end)
    phases = _phases(options, records)
    for name in options.phases:
        with tempfile.TemporaryDirectory(prefix=f"soak-{name}-") as folder:
            figures = phases[name](Path(folder))
        report[name] = {"seed": options.seed, **figures}
        print(_line(name, figures), flush=True)
    if options.output:
        options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0 if all(report[name]["good"] for name in options.phases) else 1


def _kept(output: Path | None) -> dict[str, dict[str, object]]:
    """The phases of an earlier run, by name."""
    if output is None or not output.exists():
        return {}
    phases: dict[str, dict[str, object]] = json.loads(output.read_text(encoding="utf-8"))
    return phases


def _phases(
    options: argparse.Namespace, records: Slice
) -> Mapping[str, Callable[[Path], dict[str, object]]]:
    faults = soak_faults.Load(
        options.stations, options.minutes, options.speed, options.every_s, options.pause_s
    )
    length_s, speed = options.live_s * options.live_speed, options.live_speed
    rng = random.Random(options.seed)
    clock = soak_clock.Load(min(13, options.stations), length_s, speed)
    overload = soak_overload.Load(length_s, speed)
    rest = soak_rest.Load(options.live_s / 3, length_s / 2, speed)
    return {
        "faults": lambda folder: soak_faults.soak(folder, records, faults, rng),
        "clock": lambda folder: soak_clock.soak(folder, records, clock),
        "overload": lambda folder: soak_overload.soak(folder, records, overload),
        "rest": lambda folder: soak_rest.soak(folder, records, rest),
    }


def _line(name: str, figures: Mapping[str, object]) -> str:
    verdict = "good" if figures["good"] else "NOT GOOD"
    if "skipped" in figures:
        return f"{name}: skipped: {figures['skipped']}"
    told = ", ".join(f"{key} {figures[key]}" for key in _TOLD[name].split())
    return f"{name}: {verdict}: {told}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("archive", nargs="+", type=Path)
    parser.add_argument("--start", type=time_ns, help="of what is repeated")
    parser.add_argument("--end", type=time_ns, help="of what is repeated")
    parser.add_argument("--phases", nargs="+", choices=PHASES, default=PHASES)
    parser.add_argument("--stations", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=60.0, help="of the first phase")
    parser.add_argument("--speed", type=float, default=2.5, help="times real time, likewise")
    parser.add_argument("--every-s", type=float, default=150.0, help="mean time between two faults")
    parser.add_argument(
        "--pause-s", type=float, default=10.0, help="of a stopped daemon, and of a full disk"
    )
    parser.add_argument("--live-s", type=float, default=120.0, help="of each of the other phases")
    parser.add_argument("--live-speed", type=float, default=1.0, help="times real time, likewise")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--output", type=Path, help="write the report here, too")
    return parser.parse_args()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())

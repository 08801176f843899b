#!/usr/bin/env python3
"""Hold the daemon to a long replay of many stations with faults at random moments.

The archive's waveforms stand for many stations, one pass behind the other with later times. The
daemon and its server are killed, the daemon is stopped for ten seconds, a subscriber that reads
nothing hangs on, and a subscriber compares what it gets with an undisturbed run, window by window.
Ends with 0 only if no window was lost or doubled, and memory and descriptors stayed as they were.

    tools/soak.py ARCHIVE --stations 100 --minutes 30 --output docs/soak.json
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import zmq

from tools.kill_test import Scene, Windows, direct, listen
from umamba_rt.core.timebase import NS_PER_S
from umamba_rt.io.archive import ArchiveChoice, read_archive
from umamba_rt.wire.mseed import decode_record
from umamba_rt.wire.record import ReplayRecord, pack_segment

MAX_SLOPE_MB_PER_H = 1.0
_SAMPLE_S = 1.0


class Meter(threading.Thread):
    """Reads a process's memory and descriptors once a second, over its restarts."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(daemon=True)
        self.samples: list[tuple[float, int, float, int]] = []  # time s, pid, RSS MB, descriptors
        self._scene = scene
        self._ending = threading.Event()

    def run(self) -> None:
        """Measure until ``end``."""
        while not self._ending.wait(_SAMPLE_S):
            pid = self._scene.daemon.pid
            try:
                status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
                descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            except OSError:
                continue  # between two of its lives
            rss = [line for line in status.splitlines() if line.startswith("VmRSS:")]
            if rss:
                now_s = time.monotonic()
                self.samples.append((now_s, pid, int(rss[0].split()[1]) / 1024, descriptors))

    def end(self) -> None:
        """Stop."""
        self._ending.set()
        self.join()

    def longest_life(self) -> list[tuple[float, int, float, int]]:
        """The samples of the process that lived longest, without its first 20 s."""
        lives: dict[int, list[tuple[float, int, float, int]]] = {}
        for sample in self.samples:
            lives.setdefault(sample[1], []).append(sample)
        life = max(lives.values(), key=len, default=[])
        return [one for one in life if one[0] - life[0][0] > 20]


def main() -> int:
    """Run; 0 when all held, 1 when not."""
    options = _options()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="soak-") as scratch:
        folder = Path(scratch)
        archive = folder / "archive.mseed"
        seconds = options.minutes * 60 * float(options.speed)
        with archive.open("wb") as file:
            for record in _many(options, seconds):
                file.write(record.payload)
        options.archive, options.start, options.end, options.select = [archive], "", "", ""
        expected = direct(folder, options)
        print(f"undisturbed: {len(expected)} windows", flush=True)
        (folder / "scene").mkdir()
        report = _disturbed(folder / "scene", options, expected, rng)
    report["good"] = _is_good(report)
    print(json.dumps(report), flush=True)
    if options.output:
        options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0 if report["good"] else 1


def _disturbed(
    folder: Path, options: argparse.Namespace, expected: Windows, rng: random.Random
) -> dict[str, object]:
    faults = ["daemon", "server", f"pause {options.pause_s:g}"]
    count = max(len(faults), round(options.minutes * 60 / options.every_s))
    drawn = faults + [rng.choice(faults) for _ in range(count - len(faults))]
    rng.shuffle(drawn)
    plan = [(name, rng.random() < 0.1, rng.uniform(0.2, 1.8) * options.every_s) for name in drawn]
    scene = Scene(folder, options, keep_state=True)
    meter = Meter(scene)
    idle = zmq.Context()
    slow = idle.socket(zmq.SUB)
    slow.set(zmq.RCVHWM, 1)
    slow.set(zmq.RCVBUF, 4096)
    slow.set(zmq.SUBSCRIBE, b"")
    slow.connect(scene.address)
    began_s, done = time.monotonic(), list[str]()
    try:
        meter.start()
        received, doubled = listen(scene, len(expected), plan, done)
        meter.end()
    finally:
        scene.close()
        slow.close(0)
        idle.term()
    life = meter.longest_life()
    archive_h = [(one[0] - began_s) * float(options.speed) / 3600 for one in life]
    slope = float(np.polyfit(archive_h, [one[2] for one in life], 1)[0]) if len(life) > 60 else None
    return {
        "seed": options.seed,
        "stations": options.stations,
        "took_s": round(time.monotonic() - began_s, 1),
        "faults": {name: done.count(name) for name in sorted(set(done))},
        "windows_expected": len(expected),
        "windows": len(received),
        "lost": len(expected.keys() - received.keys()),
        "extra": len(received.keys() - expected.keys()),
        "doubled": doubled,
        "rss_mb": [round(f(one[2] for one in life), 1) for f in (min, max)] if life else None,
        "rss_slope_mb_per_archive_h": None if slope is None else round(slope, 3),
        "descriptors": [f(one[3] for one in life) for f in (min, max)] if life else None,
    }


def _is_good(report: dict[str, object]) -> bool:
    slope = report["rss_slope_mb_per_archive_h"]
    flat = not isinstance(slope, float) or slope < MAX_SLOPE_MB_PER_H
    clean = not (report["lost"] or report["extra"] or report["doubled"])
    return bool(report["windows"]) and clean and flat


def _many(options: argparse.Namespace, seconds: float) -> Iterator[ReplayRecord]:
    """The archive's records as those of many stations, over and over, in the order of time."""
    choice = ArchiveChoice(options.start, options.end, ())
    records = read_archive(options.archive, choice).records
    stations = sorted({str(one.source_id.group) for one in records})
    begin_ns = min(one.start_ns for one in records)
    span_ns = -(-(max(one.end_ns for one in records) - begin_ns) // NS_PER_S) * NS_PER_S
    copies = -(-options.stations // len(stations))
    for turn in range(-(-round(seconds * NS_PER_S) // span_ns)):
        for record in records:
            number = stations.index(str(record.source_id.group))
            segment = decode_record(record.payload, source="archive")
            for copy in range(copies):
                if copy * len(stations) + number >= options.stations:
                    continue
                name = replace(segment.source_id, network="ZZ", station=f"S{copy:02d}{number:02d}")
                moved_ns = segment.start_ns + turn * span_ns
                yield from pack_segment(replace(segment, source_id=name, start_ns=moved_ns))


def _options() -> argparse.Namespace:
    from umamba_rt.cli import time_ns

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("archive", nargs="+", type=Path)
    parser.add_argument("--start", type=time_ns, help="of what is repeated")
    parser.add_argument("--end", type=time_ns, help="of what is repeated")
    parser.add_argument("--stations", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--speed", default="4", help="times real time")
    parser.add_argument("--every-s", type=float, default=30.0, help="mean time between two faults")
    parser.add_argument("--pause-s", type=float, default=10.0, help="of a stopped daemon")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--output", type=Path, help="write the report here, too")
    parser.set_defaults(streams=None, protocol="auto", v1=False, direct=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Kill the daemon and its server at random moments; compare the feed with an undisturbed run's.

Each round replays a slice of an archive; the daemon and the server are killed (SIGKILL) and started
again, at moments drawn by a seed that is printed, a subscriber listens throughout. Ends with 0 only
if it received every window of the undisturbed run, none twice, with the same magnitude to 1e-5, and
each daemon that was started again sent its first new window within 10 s; where the server was begun
anew, too, within that and the time in which it replays what the daemon asks for again.

    tools/kill_test.py ARCHIVE --start 2019-07-04T17:33:00 --end 2019-07-04T17:36:00 --rounds 10
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.soak_scene import Scene, Setting
from tools.soak_trial import Collector, Step, Trial
from tools.soak_windows import Expected, Tally, direct


@dataclass(slots=True)
class Round:
    """What one round received, against the undisturbed run."""

    windows: int = 0
    lost: int = 0
    extra: int = 0
    doubled: int = 0
    different: int = 0
    repeats_dropped: int = 0
    kills: list[str] = field(default_factory=list)
    restarts_s: list[float] = field(default_factory=list)
    restarts_of_both_s: list[float] = field(default_factory=list)
    is_prompt: bool = True
    took_s: float = 0.0

    @property
    def good(self) -> bool:
        """Whether the subscriber saw what it would have seen undisturbed, and soon."""
        same = not (self.lost or self.extra or self.doubled or self.different)
        return self.windows > 0 and same and self.is_prompt


def main() -> int:
    """Run all rounds; 0 when each was as if nothing had happened, 1 when not."""
    options = _options()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**9)
    rng = random.Random(seed)
    print(f"seed {seed}", flush=True)
    setting = _setting(options)
    with _scratch(options.keep) as folder:
        expected = direct(folder, setting) if options.direct else _undisturbed(folder, setting)
    print(f"undisturbed: {len(expected)} windows", flush=True)
    rounds = []
    for number in range(options.rounds):
        with _scratch(options.keep) as folder:
            rounds.append(_round(folder / f"round-{number}", expected, rng, options))
        print(json.dumps(asdict(rounds[-1])), flush=True)
    total = _total(seed, rounds, expected)
    print(json.dumps(total), flush=True)
    if options.output:
        options.output.write_text(json.dumps(total, indent=2) + "\n", encoding="utf-8")
    return 0 if total["good"] else 1


def _total(seed: int, rounds: list[Round], expected: Expected) -> dict[str, object]:
    kills = [kill for one in rounds for kill in one.kills]
    restarts_s = [time_s for one in rounds for time_s in one.restarts_s]
    return {
        "seed": seed,
        "rounds": len(rounds),
        "daemon_kills": sum(kill.startswith("daemon") for kill in kills),
        "server_kills": kills.count("server"),
        "windows_expected": len(expected) * len(rounds),
        **{
            name: sum(getattr(one, name) for one in rounds)
            for name in ("windows", "lost", "extra", "doubled", "different", "repeats_dropped")
        },
        "restarts": len(restarts_s),
        "restart_median_s": round(statistics.median(restarts_s), 2) if restarts_s else None,
        "restart_max_s": max(restarts_s, default=None),
        "restarts_of_both_s": [time_s for one in rounds for time_s in one.restarts_of_both_s],
        "good": len(expected) > 0 and all(one.good for one in rounds),
    }


def _undisturbed(folder: Path, setting: Setting) -> Expected:
    """The same run, and nothing is killed."""
    expected = Expected()
    _run(folder / "undisturbed", setting, expected, [], keep_state=False)
    if expected.doubled:
        raise SystemExit(f"{expected.doubled} windows doubled without any disturbance")
    return expected


def _round(
    folder: Path, expected: Expected, rng: random.Random, options: argparse.Namespace
) -> Round:
    kills = ["daemon"] * options.daemon_kills + ["server"] * options.server_kills
    rng.shuffle(kills)
    # One daemon in four is killed while it starts, the others while they work.
    plan = [Step(kill, rng.uniform(0.05, options.longest_s), rng.random() < 0.25) for kill in kills]
    began_s = time.monotonic()
    tally = Tally(expected)
    trial, repeats = _run(folder, _setting(options), tally, plan, keep_state=True)
    for key in tally.lost()[:20]:
        print("lost", *key, file=sys.stderr)
    return Round(
        tally.windows,
        len(tally.lost()),
        tally.extra,
        tally.doubled,
        tally.different,
        repeats,
        trial.done,
        [round(time_s, 2) for time_s in trial.restarts_s],
        [round(time_s, 2) for time_s in trial.restarts_of_both_s],
        trial.is_prompt(float(options.speed.replace("max", "inf"))),
        round(time.monotonic() - began_s, 1),
    )


def _run(
    folder: Path, setting: Setting, windows: Collector, plan: list[Step], *, keep_state: bool
) -> tuple[Trial, int]:
    """One trial, and how many repeated messages the subscriber dropped."""
    folder.mkdir()
    scene = Scene(folder, setting, keep_state=keep_state)
    try:
        trial = Trial(scene, windows, plan)
        trial.run()
        return trial, scene.feed.repeated
    finally:
        scene.close()


def _setting(options: argparse.Namespace) -> Setting:
    choice = [str(path) for path in options.archive]
    for name in ("start", "end", "select"):
        choice += [f"--{name}", getattr(options, name)] if getattr(options, name) else []
    return Setting(
        tuple(choice),
        speed=options.speed,
        streams=tuple(options.streams or ("*_*",)),
        protocol=options.protocol,
        v1=options.v1,
    )


@contextmanager
def _scratch(keep: Path | None) -> Iterator[Path]:
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
    else:
        with tempfile.TemporaryDirectory(prefix="kill-test-") as folder:
            yield Path(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("archive", nargs="+", type=Path)
    parser.add_argument("--speed", default="10", help="of the replay, a number or max")
    for name in ("--start", "--end", "--select"):
        parser.add_argument(name, help="as of tools/replay.py")
    parser.add_argument(
        "--direct", action="store_true", help="take a direct replay for the undisturbed run"
    )
    parser.add_argument("--streams", nargs="+", help="asked for; default *_*")
    parser.add_argument("--protocol", choices=("auto", "v3", "v4"), default="auto")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--daemon-kills", type=int, default=3, metavar="N", help="a round")
    parser.add_argument("--server-kills", type=int, default=3, metavar="N", help="a round")
    parser.add_argument(
        "--longest-s", type=float, default=3.0, metavar="S", help="most time between two kills"
    )
    parser.add_argument("--v1", action="store_true", help="run V1 alongside")
    parser.add_argument("--seed", type=int, help="of the moments")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep logs and state here")
    parser.add_argument("--output", type=Path, help="write the report here, too")
    return parser.parse_args()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())

#!/usr/bin/env python3
"""Measure the engines, the whole daemon, training and memory, and say what is reached.

Parts: engines, daemon, ready, memory, equality, training; all of them without a name. Figures of
parts that are not measured again are kept in the JSON file. Ratios come from one part, measured by
turns. The daemon's part serves real waveforms under synthetic station names over the socket.

    tools/benchmark.py --json docs/benchmarks.json --document docs/benchmarks.md
    tools/benchmark.py daemon --stations 300 --seconds 600
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.benchmark_report import goals, markdown, replaced
from umamba_rt.cli import Parser, guarded

if TYPE_CHECKING:  # --help must not wait for torch
    from tools.benchmark_stations import Waveforms

PARTS = ("engines", "daemon", "ready", "memory", "equality", "training")
# Stations of the daemon's runs besides the two long ones, V2 alone.
_STEPS = (50, 100, 200)
_STEP_S = 60


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(prog="benchmark.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="figures, kept and written")
    parser.add_argument("--document", type=Path, metavar="FILE", help="its tables are replaced")
    parser.add_argument("--waveforms", type=Path, metavar="DIR", help="SDS archive of real sensors")
    parser.add_argument("--engine", default="auto", help="backend, as of [model] (%(default)s)")
    parser.add_argument("--repetitions", type=int, default=7, help="turns (%(default)s)")
    parser.add_argument("--windows", type=int, default=512, help="windows a turn (%(default)s)")
    parser.add_argument("--hour-s", type=int, default=3600, help="continuous record (%(default)s)")
    parser.add_argument("--compared", type=int, default=10_000, help="for equality (%(default)s)")
    parser.add_argument("--memory-stations", type=int, default=10_000, help="(%(default)s)")
    parser.add_argument("--stations", type=int, help="one run of the daemon with that many only")
    parser.add_argument("--v1", action="store_true", help="with V1 alongside in that run")
    parser.add_argument("--seconds", type=int, default=600, help="of a long run (%(default)s)")
    return parser


def measure(arguments: argparse.Namespace, results: dict[str, Any]) -> None:
    """Measure the parts that are asked for, into the results."""
    from tools.benchmark_numbers import machine

    work: dict[str, Callable[[argparse.Namespace, dict[str, Any]], Any]] = {
        "engines": _engines,
        "daemon": _daemon,
        "ready": _ready,
        "memory": _memory,
        "equality": _equality,
        "training": _training,
    }
    for part in arguments.parts or PARTS:
        facts = machine()
        print(f"{part} ...", file=sys.stderr, flush=True)
        results[part] = work[part](arguments, results)
        results.setdefault("machine", {})[part] = facts
        if arguments.json:
            arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _waveforms(arguments: argparse.Namespace) -> list[Waveforms]:
    from tools.benchmark_stations import RIDGECREST, read_waveforms

    shared = RIDGECREST / "sds"
    folder = arguments.waveforms or (shared if shared.is_dir() else None)
    found, where = read_waveforms(folder)
    print(f"waveforms: {len(found)} sensors, {where}", file=sys.stderr)
    return found


def _engines(arguments: argparse.Namespace, _results: dict[str, Any]) -> Any:
    from tools.benchmark_engines import measure_engines

    figures = measure_engines(
        _waveforms(arguments),
        repetitions=arguments.repetitions,
        windows=arguments.windows,
        hour_s=arguments.hour_s,
        engine=arguments.engine,
    )
    return asdict(figures)


def _daemon(arguments: argparse.Namespace, results: dict[str, Any]) -> Any:
    from tools.benchmark_daemon import run_daemon

    waveforms = _waveforms(arguments)
    plan = [(n, _STEP_S, False) for n in _STEPS]
    plan += [(300, arguments.seconds, False), (120, arguments.seconds, True)]
    kept: list[dict[str, Any]] = []
    if arguments.stations:
        plan = [(arguments.stations, arguments.seconds, arguments.v1)]
        kept = [one for one in results.get("daemon", []) if _key(one) != _key_of(plan[0])]
    for stations, seconds, with_v1 in plan:
        run = run_daemon(waveforms, stations, seconds, with_v1=with_v1)
        kept.append({**asdict(run), "is_whole": run.is_whole})
        print(json.dumps(kept[-1]), file=sys.stderr, flush=True)
    return sorted(kept, key=_key)


def _key(run: dict[str, Any]) -> tuple[bool, int]:
    return "v1" in run["models"], run["stations"]


def _key_of(planned: tuple[int, int, bool]) -> tuple[bool, int]:
    return planned[2], planned[0]


def _ready(_arguments: argparse.Namespace, _results: dict[str, Any]) -> Any:
    from tools.benchmark_processes import measure_ready

    return measure_ready(3)


def _memory(arguments: argparse.Namespace, _results: dict[str, Any]) -> Any:
    from tools.benchmark_memory import measure_memory

    return asdict(measure_memory(arguments.memory_stations))


def _equality(arguments: argparse.Namespace, _results: dict[str, Any]) -> Any:
    from tools.benchmark_equality import measure_equality

    waveforms = _waveforms(arguments)
    return {
        name: asdict(measure_equality(waveforms, name, arguments.compared, arguments.engine))
        for name in ("v2", "v1")
    }


def _training(arguments: argparse.Namespace, _results: dict[str, Any]) -> Any:
    from tools.benchmark_training import measure_training

    steps = measure_training(arguments.repetitions)
    return {"step_s": {name: asdict(spread) for name, spread in steps.items()}}


def run(arguments: argparse.Namespace) -> int:
    """Measure, write and print; 0 where nothing that was measured falls short."""
    results: dict[str, Any] = {}
    if arguments.json and arguments.json.exists():
        results = json.loads(arguments.json.read_text(encoding="utf-8"))
    measure(arguments, results)
    tables = markdown(results)
    if arguments.document:
        document = arguments.document.read_text(encoding="utf-8")
        arguments.document.write_text(replaced(document, tables), encoding="utf-8")
    print(tables)
    return 1 if any(line.passes is False for line in goals(results)) else 0


def main(argv: list[str] | None = None) -> int:
    """Run; 0 reached, 1 fell short, 64 usage, or what an error of ours says."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    for part in arguments.parts:
        if part not in PARTS:
            parser.error(f"{part} is none of {', '.join(PARTS)}")
    return guarded("benchmark.py", lambda: run(arguments))


if __name__ == "__main__":
    sys.exit(main())

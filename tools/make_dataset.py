#!/usr/bin/env python3
"""Make a data set in SeisBench's format of an archive, its StationXML and its QuakeML catalogue.

For every earthquake and sensor that shows it by itself a record is cut around P, picked near the
travel time. What was left out, and why, is printed. See docs/evaluation.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from umamba_rt.cli import Parser, guarded


def _number(text: str) -> float:
    value = float(text)
    if not -10 <= value <= 20_000:
        raise ValueError(text)
    return value


_number.__name__ = "number"


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        prog="make_dataset.py", description=__doc__.splitlines()[0] if __doc__ else None
    )
    parser.add_argument("archive", nargs="+", type=Path, help="SDS folder, or files")
    parser.add_argument("--catalogue", type=Path, required=True, metavar="FILE", help="QuakeML")
    parser.add_argument("--inventory", type=Path, metavar="FILE", help="StationXML (beside it)")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--min-magnitude", type=_number, default=0.0, metavar="M")
    parser.add_argument("--max-distance-km", type=_number, default=300.0, metavar="KM")
    parser.add_argument("--min-snr-db", type=_number, default=5.0, metavar="DB")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run; the exit status is 0, 64 usage, 69 unavailable, 78 catalogue or inventory."""
    arguments = build_parser().parse_args(argv)
    return guarded("make_dataset.py", lambda: _make(arguments))


def _make(arguments: argparse.Namespace) -> int:
    from umamba_rt.training.archive_dataset import CutCounts, CutRules, archive_records
    from umamba_rt.training.archive_windows import inventory_of
    from umamba_rt.training.catalogue import read_catalogue
    from umamba_rt.training.seisbench_writer import write_dataset

    catalogue = read_catalogue(arguments.catalogue)
    inventory = inventory_of(arguments.archive, arguments.inventory)
    for note in inventory.notes:
        print(f"note: {note}", file=sys.stderr)
    rules = CutRules(
        max_distance_km=arguments.max_distance_km,
        min_magnitude=arguments.min_magnitude,
        min_snr_db=arguments.min_snr_db,
    )
    counts = CutCounts()
    records = archive_records(arguments.archive, inventory, catalogue.events, rules, counts)
    written = write_dataset(arguments.output, records)
    print(
        f"{written} records of {len(catalogue.events)} earthquakes "
        f"({catalogue.left_out} without place, time or magnitude) in {arguments.output}"
    )
    for reason, number in counts.left_out.most_common():
        print(f"left out: {number} pairs of earthquake and sensor: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

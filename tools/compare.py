#!/usr/bin/env python3
"""Train variants of a model by one plan, and set them side by side.

    tools/compare.py PLAN.toml --dataset DIR --output DIR

Every run has a folder of its own under the output's. Ended and started again, the comparison goes
on where it was. Writes comparison.md and comparison.json after each run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from umamba_rt.cli import Parser, guarded


def _parser() -> Parser:
    parser = Parser(
        prog="compare.py",
        description=__doc__.splitlines()[0] if __doc__ else None,
    )
    parser.add_argument("plan", type=Path, help="TOML file, see config/training/compare.toml")
    parser.add_argument("--dataset", type=Path, required=True, metavar="DIR", help="measured on")
    parser.add_argument("--split", choices=("train", "dev", "test", "all"), default="test")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--cache", type=Path, default=Path("build/synthetic"), metavar="DIR")
    parser.add_argument("--only", action="append", metavar="VARIANT", help="may be repeated")
    return parser


def main() -> int:
    """Run the command line; returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args()
    return guarded("compare.py", lambda: _compare(parser, arguments))


def _compare(parser: Parser, arguments: argparse.Namespace) -> int:
    from umamba_rt.training.comparison_plan import load_plan
    from umamba_rt.training.comparison_report import compare_and_write
    from umamba_rt.training.seisbench_format import SeisBenchDataset

    plan = load_plan(arguments.plan)
    known = {run.variant for run in plan}
    for name in arguments.only or ():
        if name not in known:
            parser.error(f"--only {name}: the plan has {', '.join(sorted(known))}")
    chosen = [run for run in plan if not arguments.only or run.variant in arguments.only]
    records = list(SeisBenchDataset(arguments.dataset).select(arguments.split))
    compare_and_write(chosen, records, arguments.output, arguments.cache)
    return 0


if __name__ == "__main__":
    sys.exit(main())

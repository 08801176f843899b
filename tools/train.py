#!/usr/bin/env python3
"""Train a model by a recipe, or show what a data set holds.

    tools/train.py run RECIPE.toml --output DIR      trains; started again it goes on
    tools/train.py data-info FOLDER...               counts, magnitudes, units
    tools/train.py calibrate FILE --held-out FOLDER:SPLIT...    how far its estimates are off

The output folder gets log.jsonl, log.png, last.pt (to go on from) and best.safetensors, the
checkpoint whose dev error was least.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from umamba_rt.cli import Parser, guarded
from umamba_rt.cli_types import not_negative

DEFAULT_CACHE = Path("build/synthetic")


def _parser() -> Parser:
    parser = Parser(
        prog="train.py",
        description=__doc__.splitlines()[0] if __doc__ else None,
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    run = verbs.add_parser("run", help="train by a recipe; a run that was ended goes on")
    run.add_argument("recipe", type=Path, help="TOML file, see config/training")
    run.add_argument("--output", type=Path, required=True, metavar="DIR", help="of this run alone")
    run.add_argument(
        "--cache",
        type=Path,
        default=DEFAULT_CACHE,
        metavar="DIR",
        help="where synthetic records are kept (%(default)s); 79 kB each",
    )
    run.add_argument(
        "--workers", type=not_negative, default=0, metavar="N", help="processes that make them"
    )
    run.add_argument("--quiet", action="store_true", help="no progress bar")
    run.set_defaults(action=_run)
    info = verbs.add_parser("data-info", help="what data sets hold")
    info.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    info.set_defaults(action=_data_info)
    errors = verbs.add_parser(
        "calibrate", help="fit a checkpoint's uncertainty to earthquakes it was not trained on"
    )
    errors.add_argument("checkpoint", type=Path, metavar="FILE", help="is written anew")
    errors.add_argument(
        "--held-out",
        nargs="+",
        required=True,
        metavar="FOLDER:SPLIT",
        help="data sets, each with train, dev, test or all",
    )
    errors.set_defaults(action=_calibrate)
    return parser


def main() -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args()
    return guarded("train.py", lambda: int(arguments.action(arguments)))


def _run(arguments: argparse.Namespace) -> int:
    from umamba_rt.training.progress import train_with_progress
    from umamba_rt.training.recipe import load_recipe

    recipe = load_recipe(arguments.recipe)
    train_with_progress(
        recipe,
        arguments.output,
        arguments.cache,
        workers=arguments.workers,
        quiet=arguments.quiet or not sys.stderr.isatty(),
    )
    return 0


def _data_info(arguments: argparse.Namespace) -> int:
    from umamba_rt.training.data_info import data_info

    for folder in arguments.folders:
        print(data_info(folder))
    return 0


def _calibrate(arguments: argparse.Namespace) -> int:
    from umamba_rt.training.calibrate import calibrate

    held_out = []
    for text in arguments.held_out:
        folder, _, split = text.rpartition(":")
        held_out.append((Path(folder or split), split if folder else "all"))
    fit = calibrate(arguments.checkpoint, held_out)
    print(f"{fit.events} earthquakes and records of noise; of others' errors lie")
    for what, honesty in (("with", fit.with_unit), ("without", fit.without_unit)):
        print(
            f"  {what} a unit: {honesty.within_one:.1%} within one sigma, "
            f"{honesty.within_two:.1%} within two ({honesty.windows} windows)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

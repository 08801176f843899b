#!/usr/bin/env python3
"""Measure a model on labelled records, beside the baselines.

Reads a data set in SeisBench's format, cuts windows that end at several times after P, and writes
metrics.json, report.md, predictions.csv and pictures to a folder. What the numbers mean is in
docs/evaluation.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from umamba_rt.cli import Parser, guarded, time_ns


def _seconds_after_p(text: str) -> float:
    value = float(text)
    if not 0 < value <= 300:
        raise ValueError(text)
    return value


_seconds_after_p.__name__ = "number of seconds (above 0, up to 300)"


def windows_parser() -> argparse.ArgumentParser:
    """The command line of what is done without a verb."""
    parser = Parser(
        prog="evaluate.py",
        description=__doc__.splitlines()[0] if __doc__ else None,
        epilog=f"verbs: {', '.join(VERBS)}" if VERBS else None,
    )
    parser.add_argument("--dataset", type=Path, required=True, metavar="DIR")
    parser.add_argument("--split", choices=("train", "dev", "test", "all"), default="test")
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="of either model (the package's own V2)"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="for the report")
    parser.add_argument(
        "--seconds-after-p",
        type=_seconds_after_p,
        default=25.0,
        metavar="S",
        help="end of the headline's windows (%(default)g)",
    )
    parser.add_argument(
        "--baseline-dataset",
        type=Path,
        metavar="DIR",
        help="whose train and dev splits the baselines are fitted on (the data set itself)",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="of the model (all cores)")
    noise = parser.add_argument_group("noise, instead of what the records hold before P")
    noise.add_argument("--noise-archive", type=Path, nargs="+", metavar="PATH", help="SDS or files")
    noise.add_argument("--noise-start", type=time_ns, metavar="TIME", help="first sample, UTC")
    noise.add_argument("--noise-end", type=time_ns, metavar="TIME", help="samples before, UTC")
    noise.add_argument("--inventory", type=Path, metavar="FILE", help="StationXML (beside it)")
    return parser


def evaluate_windows(argv: list[str]) -> int:
    """Evaluate one model; prints the headline."""
    parser = windows_parser()
    arguments = parser.parse_args(argv)
    if arguments.threads is not None and arguments.threads < 1:
        parser.error("--threads must be 1 or more")
    if arguments.noise_archive is None:
        for name in ("noise_start", "noise_end", "inventory"):
            if getattr(arguments, name) is not None:
                parser.error(f"--{name.replace('_', '-')} goes with --noise-archive")
    return guarded("evaluate.py", lambda: _evaluate_windows(arguments))


def _evaluate_windows(arguments: argparse.Namespace) -> int:
    from umamba_rt.errors import UnavailableError
    from umamba_rt.io.archive import ArchiveChoice
    from umamba_rt.models.shipped import shipped
    from umamba_rt.training.evaluation_run import NoiseArchive, Request, run_evaluation

    noise = None
    if arguments.noise_archive is not None:
        choice = ArchiveChoice(arguments.noise_start, arguments.noise_end)
        noise = NoiseArchive(tuple(arguments.noise_archive), choice, arguments.inventory)
    checkpoint = arguments.checkpoint or shipped("v2")
    if checkpoint is None:
        raise UnavailableError("--checkpoint", "the package has no weights of V2: name a file")
    summary = run_evaluation(
        Request(
            dataset=arguments.dataset,
            split=arguments.split,
            checkpoint=checkpoint,
            output=arguments.output,
            seconds_after_p=arguments.seconds_after_p,
            baseline_dataset=arguments.baseline_dataset or arguments.dataset,
            noise=noise,
            threads=arguments.threads,
        )
    )
    print(
        f"{summary.n} windows {summary.seconds_after_p:g} s after P: MAE {summary.mae:.3f}, "
        f"RMSE {summary.rmse:.3f}, R2 {summary.r2:.3f}; each earthquake weighing one: MAE "
        f"{summary.headline.event_mae:.3f}; report in {arguments.output}"
    )
    return 0


def evaluate_replay(argv: list[str]) -> int:
    """Set the estimates of a replay against a catalogue; prints the table."""
    parser = Parser(
        prog="evaluate.py replay",
        description="What each earthquake of a catalogue read in a replay, second by second.",
    )
    parser.add_argument("estimates", type=Path, help="OUT.jsonl of tools/replay.py --direct")
    parser.add_argument("--catalogue", type=Path, required=True, metavar="FILE", help="QuakeML")
    parser.add_argument("--inventory", type=Path, required=True, metavar="FILE", help="StationXML")
    parser.add_argument(
        "--min-magnitude", type=float, default=3.5, metavar="M", help="(%(default)g)"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="for the report")
    arguments = parser.parse_args(argv)
    return guarded("evaluate.py", lambda: _evaluate_replay(arguments))


def _evaluate_replay(arguments: argparse.Namespace) -> int:
    from umamba_rt.errors import UnavailableError
    from umamba_rt.io.stationxml import read_inventory
    from umamba_rt.training import replay_report
    from umamba_rt.training.catalogue import read_catalogue
    from umamba_rt.training.replay_estimates import ReplayedCatalogue, read_estimates

    joined = ReplayedCatalogue(
        read_estimates(arguments.estimates),
        read_catalogue(arguments.catalogue).events,
        read_inventory(arguments.inventory),
    )
    curves = joined.curves(arguments.min_magnitude)
    text = replay_report.markdown(curves, joined.quiet())
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
        (arguments.output / "replay.md").write_text(text, encoding="utf-8")
        replay_report.plot(curves, arguments.output / "replay.png")
    except OSError as error:
        raise UnavailableError(str(arguments.output), error.strerror or str(error)) from error
    print(text, end="")
    return 0


def evaluate_events(argv: list[str]) -> int:
    """Set the network events of a replay against a catalogue; prints the report."""
    parser = Parser(
        prog="evaluate.py events",
        description="Which earthquakes of a catalogue a replay's network events are, and how soon.",
    )
    parser.add_argument(
        "events", type=Path, help="EVENTS.jsonl of tools/replay.py --direct --events"
    )
    parser.add_argument("--catalogue", type=Path, required=True, metavar="FILE", help="QuakeML")
    parser.add_argument("--inventory", type=Path, required=True, metavar="FILE", help="StationXML")
    parser.add_argument("--start", type=time_ns, metavar="TIME", help="of the replay (first event)")
    parser.add_argument("--end", type=time_ns, metavar="TIME", help="of the replay (last event)")
    parser.add_argument(
        "--tuned-until", type=time_ns, metavar="TIME", help="tell the time before this apart"
    )
    parser.add_argument(
        "--min-magnitude", type=float, default=2.5, metavar="M", help="(%(default)g)"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="for the report")
    arguments = parser.parse_args(argv)
    return guarded("evaluate.py", lambda: _evaluate_events(arguments))


def _evaluate_events(arguments: argparse.Namespace) -> int:
    from umamba_rt.errors import UnavailableError
    from umamba_rt.io.stationxml import read_inventory
    from umamba_rt.training import event_report
    from umamba_rt.training.catalogue import read_catalogue
    from umamba_rt.training.event_evaluation import EventEvaluation, read_events

    told = read_events(arguments.events)
    if not told:
        raise UnavailableError(str(arguments.events), "no network event in it")
    catalogue = read_catalogue(arguments.catalogue)
    joined = EventEvaluation(told, catalogue.events, read_inventory(arguments.inventory))
    start_ns = arguments.start if arguments.start is not None else told[0].onset_ns
    end_ns = arguments.end if arguments.end is not None else told[-1].onset_ns + 1
    spans = {"all": (start_ns, end_ns)}
    if arguments.tuned_until is not None:
        spans["tuned on"] = (start_ns, arguments.tuned_until)
        spans["not tuned on"] = (arguments.tuned_until, end_ns)
    parts = {name: joined.figures(*span, arguments.min_magnitude) for name, span in spans.items()}
    text = event_report.markdown(parts)
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
        (arguments.output / "events.md").write_text(text, encoding="utf-8")
        (arguments.output / "events.json").write_text(event_report.to_json(parts), encoding="utf-8")
    except OSError as error:
        raise UnavailableError(str(arguments.output), error.strerror or str(error)) from error
    print(text, end="")
    return 0


# What else can be evaluated, by the first word of the command line.
VERBS: Mapping[str, Callable[[list[str]], int]] = {
    "replay": evaluate_replay,
    "events": evaluate_events,
}


def main(argv: list[str] | None = None) -> int:
    """Run; the exit status is 0, 64 usage, 69 unavailable, 78 data set or checkpoint."""
    words = sys.argv[1:] if argv is None else argv
    if words and words[0] in VERBS:
        return VERBS[words[0]](words[1:])
    return evaluate_windows(words)


if __name__ == "__main__":
    sys.exit(main())

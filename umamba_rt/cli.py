"""The command line ``umamba-rt``: parses, calls a verb, turns errors into exit statuses."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from umamba_rt import __version__
from umamba_rt.cli_feed import add_listen, add_play, add_stations
from umamba_rt.cli_types import seed
from umamba_rt.early_end import end_at_signals
from umamba_rt.errors import UmambaRtError

EXIT_USAGE = 64
EXIT_BUG = 70
DEFAULT_CONFIG = Path("/etc/umamba-rt/umamba-rt.toml")
_STATUSES = (
    "exit status: 0 ended as asked, 64 usage, 69 something needed is not there, "
    "70 a bug of ours, 78 configuration or checkpoint"
)


class Parser(argparse.ArgumentParser):
    """argparse with the exit status of sysexits.h for a usage error."""

    def error(self, message: str) -> NoReturn:
        """Print usage and the mistake, and end with 64."""
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    action: Callable[[argparse.Namespace], int] = options.action
    return guarded("umamba-rt", lambda: action(options))


def guarded(program: str, action: Callable[[], int]) -> int:
    """Run an action; an error of the package becomes a message and its exit status."""
    try:
        return action()
    except UmambaRtError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # The reader of our output left; nothing is to be told to anybody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:  # noqa: BLE001 - the last resort: what nobody foresaw is our bug
        traceback.print_exc()
        print(f"{program}: this is a bug of umamba-rt {__version__}", file=sys.stderr)
        return EXIT_BUG


def _parser() -> Parser:
    parser = Parser(
        prog="umamba-rt",
        description="Real-time earthquake magnitude from SeedLink streams, over ZeroMQ.",
        epilog=_STATUSES,
    )
    parser.add_argument("--version", action="version", version=f"umamba-rt {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    _add_run(verbs)
    add_listen(verbs)
    add_play(verbs)
    add_stations(verbs)
    _add_models(verbs)
    _add_keys(verbs)
    _add_config(verbs)
    return parser


def _add_run(verbs: argparse._SubParsersAction[Parser]) -> None:
    run = verbs.add_parser("run", help="run the daemon in the foreground")
    check = verbs.add_parser("check", help="check a configuration; lists every mistake at once")
    for verb, action in ((run, _run), (check, _check)):
        _add_config_file(verb)
        verb.set_defaults(action=action)
    check.add_argument(
        "--connect",
        action="store_true",
        help="ask the servers, too: which of the streams they have, and which stations are whole",
    )


def _add_config_file(verb: Parser) -> None:
    verb.add_argument(
        "config",
        nargs="?",
        type=Path,
        default=DEFAULT_CONFIG,
        help=f"TOML file (default {DEFAULT_CONFIG})",
    )


def time_ns(text: str) -> int:
    """An argparse type: an ISO 8601 time, UTC where it names no zone, as ns since 1970."""
    moment = datetime.fromisoformat(text)
    if not 1900 <= moment.year < 2200:  # conversions overflow at the calendar's ends
        raise ValueError(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return round(moment.replace(microsecond=0).timestamp()) * 10**9 + moment.microsecond * 1000


time_ns.__name__ = "time (ISO 8601, UTC)"


def _add_models(verbs: argparse._SubParsersAction[Parser]) -> None:
    models = verbs.add_parser("models", help="look into checkpoints and convert old ones")
    verb = models.add_subparsers(metavar="VERB", required=True)
    info = verb.add_parser("info", help="what a checkpoint holds")
    what = info.add_mutually_exclusive_group()
    what.add_argument("file", nargs="?", type=Path, help="safetensors or .pt (the package's V2)")
    what.add_argument("--untrained", choices=("v1", "v2"), help="the random weights instead")
    info.add_argument("--seed", type=seed, default=0, help="of the random weights")
    info.set_defaults(action=_models_info)
    convert = verb.add_parser("convert", help="write a checkpoint as safetensors")
    convert.add_argument("source", type=Path, help="safetensors or .pt")
    convert.add_argument("target", type=Path, help="the new safetensors file")
    convert.set_defaults(action=_models_convert)


def _add_config(verbs: argparse._SubParsersAction[Parser]) -> None:
    config = verbs.add_parser("config", help="what a configuration says in the end; its schema")
    verb = config.add_subparsers(metavar="VERB", required=True)
    show = verb.add_parser("show", help="every value that holds, and where it comes from")
    _add_config_file(show)
    show.set_defaults(action=_config_show)
    schema = verb.add_parser("schema", help="JSON Schema of the file, for editors")
    schema.set_defaults(action=_config_schema)


def _add_keys(verbs: argparse._SubParsersAction[Parser]) -> None:
    keys = verbs.add_parser("keys", help="make and show the keys of CURVE, which guards the feed")
    verb = keys.add_subparsers(metavar="VERB", required=True)
    new = verb.add_parser(
        "new",
        help="make a key pair",
        description="The secret half goes to FILE with mode 0600, the public half to FILE.pub.",
    )
    new.add_argument("file", type=Path, help="must not be there yet")
    new.set_defaults(action=_keys_new)
    show = verb.add_parser("show", help="print the public key of a file, never the secret one")
    show.add_argument("file", type=Path, help="either half")
    show.set_defaults(action=_keys_show)


# Each verb imports what it needs: --help and a usage error must not wait for torch.


def _run(options: argparse.Namespace) -> int:
    # Imports and the model take seconds; a signal in that time must end the daemon as later ones.
    end_at_signals()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what it asks for is about to be read anyway
    from umamba_rt.commands.run import run

    return run(options.config)


def _check(options: argparse.Namespace) -> int:
    from umamba_rt.commands.check import check

    return check(options.config, connect=options.connect)


def _models_info(options: argparse.Namespace) -> int:
    from umamba_rt.commands.models import info, info_untrained

    if options.untrained:
        return info_untrained(options.untrained, options.seed)
    return info(options.file)


def _keys_new(options: argparse.Namespace) -> int:
    from umamba_rt.commands.keys import new

    return new(options.file)


def _keys_show(options: argparse.Namespace) -> int:
    from umamba_rt.commands.keys import show

    return show(options.file)


def _models_convert(options: argparse.Namespace) -> int:
    from umamba_rt.commands.models import convert

    return convert(options.source, options.target)


def _config_show(options: argparse.Namespace) -> int:
    from umamba_rt.commands.config import print_effective

    return print_effective(options.config)


def _config_schema(_options: argparse.Namespace) -> int:
    from umamba_rt.commands.config import print_schema

    return print_schema()

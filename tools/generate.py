#!/usr/bin/env python3
"""Write what is made of definitions: the configuration's files, and the docs of the feed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from umamba_rt.cli import Parser, guarded
from umamba_rt.config.docs import render_docs
from umamba_rt.config.file import render_default
from umamba_rt.config.schema import schema
from umamba_rt.feed_docs import EXAMPLES
from umamba_rt.feed_docs import render_docs as render_feed_docs

ROOT = Path(__file__).parents[1]


def generated() -> dict[Path, str]:
    """Each file, from the root, and what it has to hold."""
    return {
        Path("config/umamba-rt.toml"): render_default(),
        Path("config/umamba-rt.schema.json"): json.dumps(schema(), indent=2) + "\n",
        Path("docs/config.md"): render_docs(),
        Path("docs/feed.md"): _feed_docs(),
    }


def _feed_docs() -> str:
    folder = ROOT / "docs" / "feed"
    examples = {name: (folder / f"{name}.json").read_bytes() for name in EXAMPLES}
    return render_feed_docs((folder / "about.md").read_text(encoding="utf-8"), examples)


def outdated(root: Path) -> list[Path]:
    """Those that hold something else, or are not there."""
    return [
        path
        for path, text in generated().items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    ]


def write(root: Path, *, check: bool) -> int:
    """Write those that are out of date and name them; with ``check`` name them only."""
    stale = outdated(root)
    for path in stale:
        print(path)
        if not check:
            (root / path).write_text(generated()[path], encoding="utf-8")
    return int(check and bool(stale))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit status."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; 1 where one is out of date"
    )
    options = parser.parse_args(arguments)
    return guarded("generate", lambda: write(ROOT, check=options.check))


if __name__ == "__main__":
    sys.exit(main())

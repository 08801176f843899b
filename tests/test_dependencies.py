"""What the package says it needs, and the versions that `make lowest` tests."""

from __future__ import annotations

import re
import tomllib

from tests.support import ROOT


def least_versions() -> dict[str, str]:
    """Of what the daemon runs on, by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["fast"]]
    found = [re.fullmatch(r"([\w-]+)>=([\d.]+)(,<[\d.]+)?", text) for text in wanted]
    return {match[1]: match[2] for match in found if match}


def test_least_versions_are_those_that_are_tested() -> None:
    path = ROOT / "tests" / "constraints-lowest.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    tested = dict(line.split("==") for line in lines if not line.startswith("#"))
    least = least_versions()
    assert tested.keys() == least.keys()
    different = {
        name: (version, tested[name])
        for name, version in least.items()
        if not f"{tested[name]}.".startswith(f"{version}.")
    }
    assert different.keys() == {"torch"}

"""Containerfile: what it copies is what the package is built from."""

from __future__ import annotations

import tomllib

from tests.support import ROOT


def test_image_is_built_from_files_that_are_there_and_all_that_the_package_names() -> None:
    lines = (ROOT / "Containerfile").read_text(encoding="utf-8").splitlines()
    copied = {one for line in lines if line.startswith("COPY ") for one in line.split()[1:-1]}
    assert all((ROOT / one).exists() for one in copied)
    made = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project, wheel = made["project"], made["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", project["readme"], *project["license-files"], *wheel["packages"]}
    assert needed | {"constraints.txt"} == copied

"""sections.py, schema.py, docs.py and tools/generate.py."""

from __future__ import annotations

import json
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from tests.support import ROOT
from tools.generate import generated, outdated, write
from umamba_rt.config.file import parse, render_default
from umamba_rt.config.schema import schema
from umamba_rt.config.sections import sections
from umamba_rt.errors import ConfigError

SERVER = '[[seedlink]]\nserver = "a"\nstreams = ["A_B"]\n'
# What check refuses for a single key; what it refuses for two of them no schema can say.
REFUSED = [
    "[windoww]",
    "window = 3",
    "[window]\nhop_s = true",
    "[window]\nhop_s = -1",
    "[window]\nhop_s = 601",
    "[window]\nhopp_s = 1.0",
    "[model]\nseed = 1.5",
    "[model]\ncheckpoint = 1",
    "[model_v1]\nenabled = 1",
    "[query]\naddress = false",
    '[query]\naddress = "127.0.0.1"',
    '[run]\nmode = "fast"',
    "seedlink = 1",
    "[seedlink]",
    '[[seedlink]]\nserver = "a b"\nstreams = ["A_B"]',
    '[[seedlink]]\nserver = "a"\nstreams = []',
    '[[seedlink]]\nserver = "a"\nstreams = ["A.B"]',
    '[[seedlink]]\nserver = "a"\nstreams = [3]',
    '[[seedlink]]\nserver = "a"',
    "[stations]\nprefer = []",
    '[quality]\nwithhold = ["spike"]',
    SERVER + 'password = "in the clear"',
]


def validator() -> Any:
    Draft7Validator.check_schema(schema())
    return Draft7Validator(schema())


@pytest.mark.parametrize("text", REFUSED)
def test_schema_refuses_what_check_refuses(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text, {}, where="test.toml")
    assert not validator().is_valid(tomllib.loads(text))


@pytest.mark.parametrize("name", ["umamba-rt.toml", "geofon.toml"])
def test_schema_takes_the_files_that_are_shipped(name: str) -> None:
    text = (ROOT / "config" / name).read_text(encoding="utf-8")
    parse(text, {}, where=name)
    validator().validate(tomllib.loads(text))


def test_schema_takes_every_default() -> None:
    tree: dict[str, Any] = {}
    for section in sections():
        table = {
            item.name: list(item.default) if isinstance(item.default, tuple) else item.default
            for item in fields(section.kind)
            if "example" in item.metadata and not item.metadata["example"]
        }
        if section.name == "seedlink":
            table |= {"server": "a", "streams": ["A_B"]}
        tree[section.name] = [table] if section.repeated else table
    validator().validate(tree)


def test_sections_are_those_of_the_default_file_in_its_order() -> None:
    titles = [line for line in render_default().splitlines() if line.startswith("[")]
    assert [section.title for section in sections()] == titles


def test_generated_files_are_up_to_date() -> None:
    assert outdated(ROOT) == [], "make them anew: `make generated`, or tools/generate.py"


def test_docs_tell_of_every_key_and_its_default() -> None:
    text = generated()[Path("docs/config.md")]
    for section in sections():
        assert f"## `{section.title}`" in text
        for item in fields(section.kind):
            assert f"| `{item.name}` | " in text


def test_generator_names_and_mends_what_is_out_of_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("config", "docs"):
        (tmp_path / folder).mkdir()
    assert write(tmp_path, check=True) == 1
    assert not list(tmp_path.glob("*/*"))
    assert write(tmp_path, check=False) == 0
    assert outdated(tmp_path) == []
    json.loads((tmp_path / "config" / "umamba-rt.schema.json").read_text(encoding="utf-8"))
    (tmp_path / "docs" / "config.md").write_text("old", encoding="utf-8")
    capsys.readouterr()
    assert write(tmp_path, check=True) == 1
    assert capsys.readouterr().out == "docs/config.md\n"

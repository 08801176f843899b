"""training/comparison_plan.py: variants change a base, and mistakes name the variant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import ROOT
from umamba_rt.errors import ConfigError, UnavailableError
from umamba_rt.training.comparison_plan import load_plan

BASE = """
seeds = [3, 4]
[base.data]
real = ["somewhere"]
real_share = 1.0
[base.fit]
epochs = 7
[[variant]]
name = "v2"
[[variant]]
name = "v1-after"
model = { name = "v1", readout = "end" }
fit = { target = "after-p" }
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(text)
    return path


def test_runs_come_seed_by_seed_with_the_variants_changes(tmp_path: Path) -> None:
    plan = load_plan(written(tmp_path, BASE))
    runs = [(run.variant, run.seed, run.recipe.model.name, run.recipe.fit.target) for run in plan]
    assert runs == [
        ("v2", 3, "v2", "constant"),
        ("v1-after", 3, "v1", "after-p"),
        ("v2", 4, "v2", "constant"),
        ("v1-after", 4, "v1", "after-p"),
    ]
    assert [run.recipe.fit.seed for run in plan] == [3, 3, 4, 4]
    assert {run.recipe.fit.epochs for run in plan} == {7}


def test_variant_may_have_fewer_seeds(tmp_path: Path) -> None:
    plan = load_plan(written(tmp_path, BASE.replace('"v1-after"', '"v1-after"\nseeds = [4]')))
    assert [(run.variant, run.seed) for run in plan] == [("v2", 3), ("v2", 4), ("v1-after", 4)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BASE + "[[variant]]\nname = 'x'\nseeds = [5]\n", r"variant\[2\].seeds.*\[3, 4\]"),
        (BASE + "[[variant]]\nname = 'x'\nseeds = 3\n", r"variant\[2\].seeds"),
        (BASE + "[[variant]]\nname = 'v2'\n", "name of its own"),
        (BASE + "[[variant]]\nname = 'x'\nfits = {}\n", "variant x.*fits"),
        (BASE + "[[variant]]\nname = 'x'\nfit = { epoch = 3 }\n", '"epochs"'),
        (BASE.replace("[3, 4]", "[]"), "whole numbers"),
        ("seeds = [1]\n", r"\[\[variant\]\]"),
        ("speeds = [1]\n", "unknown key"),
        ("seeds = [", "TOML"),
    ],
)
def test_mistakes_say_where_they_are(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){expected}"):
        load_plan(written(tmp_path, text))


def test_a_missing_plan_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"none\.toml"):
        load_plan(tmp_path / "none.toml")


@pytest.mark.parametrize("path", sorted((ROOT / "config" / "training").glob("compare*.toml")))
def test_shipped_plans_can_be_read(path: Path) -> None:
    assert len({run.variant for run in load_plan(path)}) >= 2


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("[base.data]", "[base]\nfit = 3\n[base.data]", "fit"),
        ("fit = { target", "data = 3\nfit = { target", "data"),
    ],
)
def test_a_section_of_another_kind_is_a_mistake(
    tmp_path: Path, old: str, new: str, key: str
) -> None:
    text = BASE.replace("[base.fit]\nepochs = 7\n", "").replace(old, new)
    with pytest.raises(ConfigError) as caught:
        load_plan(written(tmp_path, text))
    assert [one.key for one in caught.value.problems] == [key]


def test_a_base_that_is_no_table_is_a_mistake(tmp_path: Path) -> None:
    text = 'seeds = [1]\nbase = 3\n[[variant]]\nname = "v2"\n'
    with pytest.raises(ConfigError, match="base"):
        load_plan(written(tmp_path, text))

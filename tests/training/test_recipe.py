"""training/recipe.py: the reference recipe by default, every mistake at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import ROOT
from umamba_rt.errors import ConfigError, UnavailableError
from umamba_rt.models.config import V1Config
from umamba_rt.training.recipe import FitRecipe, load_recipe, recipe_of

DATA = {"real": ["somewhere"], "real_share": 1.0}


def test_defaults_are_the_reference_recipe() -> None:
    fit = FitRecipe()
    assert (fit.learning_rate, fit.weight_decay, fit.batch_size) == (1e-3, 1e-5, 64)
    assert (fit.epochs, fit.warm_up_epochs, fit.stop_epochs) == (150, 5, 15)
    assert (fit.clip_norm, fit.schedule, fit.loss, fit.target) == (
        1.0,
        "plateau",
        "mse",
        "constant",
    )


def test_model_takes_the_constructors_arguments() -> None:
    model = {"name": "v1", "features_per_stage": [4, 4, 8, 8], "deep_supervision": True}
    recipe = recipe_of({"model": model, "data": DATA}, where="here")
    assert isinstance(recipe.model, V1Config)
    assert recipe.model.features_per_stage == (4, 4, 8, 8)


def test_every_mistake_is_told_at_once() -> None:
    tree = {
        "model": {"name": "v2", "kernel_size": 6},
        "data": {"real_share": 2.0},
        "fit": {"learning_rat": 0.1, "loss": "mae"},
        "fits": {},
    }
    with pytest.raises(ConfigError) as caught:
        recipe_of(tree, where="here")
    keys = [problem.key for problem in caught.value.problems]
    assert keys == ["fits", "model", "data.real_share", "fit.learning_rat", "fit.loss"]
    assert '"learning_rate"?' in str(caught.value)


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"real_share": 0.5, "synthetic_count": 10}, "data.real"),
        ({"real_share": 0.5, "real": ["x"]}, "data.synthetic_count"),
        ({**DATA, "earliest_s": 5, "latest_s": 4}, "data.latest_s"),
        ({**DATA, "lowest_magnitude": 4, "highest_magnitude": 3}, "data.highest_magnitude"),
    ],
)
def test_contradictions_name_the_key(data: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        recipe_of({"data": data}, where="here")
    assert [problem.key for problem in caught.value.problems] == [key]


def test_a_model_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.name.*v3"):
        recipe_of({"model": {"name": "v3"}, "data": DATA}, where="here")


def test_unreadable_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"none\.toml"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[fit\n")
    with pytest.raises(ConfigError, match=r"bad\.toml"):
        load_recipe(tmp_path / "bad.toml")


@pytest.mark.parametrize("path", sorted((ROOT / "config" / "training").glob("v*.toml")))
def test_shipped_recipes_can_be_read(path: Path) -> None:
    assert load_recipe(path).data.real


def test_a_target_after_p_is_read_off_the_end() -> None:
    tree = {"model": {"name": "v1"}, "data": DATA, "fit": {"target": "after-p"}}
    with pytest.raises(ConfigError, match=r'model\.readout.*"end" with fit\.target'):
        recipe_of(tree, where="here")
    tree["model"] = {"name": "v1", "readout": "end"}
    assert recipe_of(tree, where="here").fit.target == "after-p"


@pytest.mark.parametrize(
    ("tree", "key"), [({"model": 3}, "model"), ({"model": {"name": ["v2"]}}, "model.name")]
)
def test_a_model_of_another_kind_is_a_mistake(tree: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        recipe_of({"data": DATA, **tree}, where="here")
    assert [one.key for one in caught.value.problems] == [key]


@pytest.mark.parametrize("content", [b"# \xff", b"a = " + b"[" * 5000])
def test_what_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"recipe\.toml"):
        load_recipe(path)

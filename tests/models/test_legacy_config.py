"""models/legacy_config.py: nested and respelled arguments are found or refused, never ignored."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from umamba_rt.core.estimate import ModelName
from umamba_rt.errors import CheckpointError
from umamba_rt.models.config import V1Config, V2Config
from umamba_rt.models.legacy_config import FoundConfig, found_config

_ARGUMENTS = {"pooling_type": "max", "norm": "peak", "dropout": 0.1}
_WANTED = V2Config.from_dict(_ARGUMENTS)


def found(given: object, name: ModelName = "v2", decoder_stages: int = 3) -> FoundConfig:
    return found_config("old.pt", name, given, encoder_stages=4, decoder_stages=decoder_stages)


@pytest.mark.parametrize(
    "given",
    [
        _ARGUMENTS,
        {"model": _ARGUMENTS},
        {"model_config": _ARGUMENTS},
        {"model_args": _ARGUMENTS, "n_stages": 4},
        {"run": {"model": {"args": _ARGUMENTS}}},
        {f"model.{key}": value for key, value in _ARGUMENTS.items()},
        {"pooling": "max", "normalization": "peak", "dropout_rate": 0.1},
        {"model": {"pool_type": "max", "Normalisation": "peak"}, "dropout": 0.1},
        {"model": _ARGUMENTS, "norm": "peak"},
    ],
)
def test_arguments_are_found_wherever_they_stand(given: dict[str, object]) -> None:
    assert found(given).config == _WANTED


@pytest.mark.parametrize(
    ("given", "key", "value"),
    [
        ({"n_channels": 1}, "in_channels", 1),
        ({"in_chans": 1}, "in_channels", 1),
        ({"input_channels": 1}, "in_channels", 1),
        ({"features": [4, 4, 4, 4]}, "features_per_stage", (4, 4, 4, 4)),
        ({"stride": 3}, "strides", (3, 3, 3, 3)),
        ({"hidden_dim": 5}, "hidden_dims", (5,)),
    ],
)
def test_synonym_is_the_argument(given: dict[str, object], key: str, value: object) -> None:
    assert getattr(found(given).config, key) == value


@pytest.mark.parametrize(
    "key",
    [
        *("pool", "pooling_mode", "norm_type", "normalize", "feature_sizes", "kernel", "strided"),
        *("n_stage", "n_blocks", "hidden_size", "dropout_p", "deep_sup", "stem", "in_channel"),
        *("sampling_frequency", "model_norm", "Pooling_Mode"),
    ],
)
def test_key_that_resembles_an_argument_is_an_error_that_names_it(key: str) -> None:
    for given in ({key: 1}, {"model": {key: 1}}):
        with pytest.raises(CheckpointError, match=rf"{key}: looks like an argument"):
            found(given)


def test_all_problems_are_listed_at_once() -> None:
    with pytest.raises(CheckpointError) as caught:
        found({"norm": "std", "model": {"norm": "peak"}, "pools": 1, "data": {"norm": None}})
    assert caught.value.details == (
        "model.norm: 'peak' contradicts norm: 'std'",
        "pools: looks like an argument of the model and is none",
        "data.norm: found None, expected std, peak or none",
    )


def test_everything_else_becomes_extras_with_its_place() -> None:
    given = {"training": {"epochs": 3, "more": {}}, "deep_supervision": True, "lr": 0.1}
    assert found(given).extras == {
        "training.epochs": 3,
        "training.more": {},
        "deep_supervision": True,
        "lr": 0.1,
    }


@pytest.mark.parametrize(
    "given",
    [
        None,
        {},
        {"kernel_size": [7, 7, 7, 7], "strides": [[2], [2], [2], [2]]},
        {"kernel_size": (7,), "strides": (2, 2, 2, 2)},
        {"kernel_size": 7.0, "n_stages": np.int64(4), "dropout": np.float64(0.3)},
        {"features_per_stage": np.array([8, 16, 32, 64]), "strides": torch.tensor([2, 2, 2, 2])},
        {"features_per_stage": [np.int64(8), 16.0, 32, 64], "sampling_rate": np.int32(100)},
        {"hidden_dims": None, "kernel_size": None, "pooling_type": None},
    ],
)
def test_values_of_another_kind_but_the_same_meaning_are_taken(given: object) -> None:
    assert found(given).config == V2Config()


@pytest.mark.parametrize(
    "given",
    [
        {"kernel_size": [7, 5, 7, 7]},
        {"kernel_size": []},
        {"kernel_size": 7.5},
        {"strides": torch.ones(4).to_sparse()},
        {"norm": "STD"},
        {"norm": {"type": "peak"}},
        {"pooling": {"type": "max"}},
    ],
)
def test_value_of_no_use_is_an_error(given: object) -> None:
    with pytest.raises(CheckpointError, match="unusable config"):
        found(given)
    with pytest.raises(CheckpointError, match="config is list, expected a dict"):
        found([given])


@pytest.mark.parametrize(("flag", "means"), [(0, False), (1, True), (1.0, True), (np.True_, True)])
def test_flag_may_be_a_number(flag: object, means: bool) -> None:
    config = found({"deep_supervision": flag}, "v1").config
    assert isinstance(config, V1Config)
    assert config.deep_supervision is means


@pytest.mark.parametrize(("stages", "stem_skip"), [(3, False), (4, True)])
def test_form_of_the_decoder_follows_from_the_tensors(stages: int, stem_skip: bool) -> None:
    for given in ({}, {"n_conv_per_stage_decoder": [1, 2, 3, 4]}):
        config = found(given, "v1", stages).config
        assert isinstance(config, V1Config)
        assert config.stem_skip is stem_skip
        if given:
            assert config.n_conv_per_stage_decoder == (1, 2, 3, 4)[:stages]


def test_config_that_holds_itself_is_an_error() -> None:
    given: dict[str, object] = {"norm": "std"}
    given["again"] = given
    with pytest.raises(CheckpointError, match="again: nested too deeply"):
        found(given)

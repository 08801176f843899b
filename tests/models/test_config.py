"""models/config.py: validation, lengths, plain values."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from umamba_rt.models.config import UMambaConfig, V1Config, V2Config


def test_importing_the_config_does_not_import_torch() -> None:
    code = "import umamba_rt.models.config, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_defaults_are_those_of_the_specification() -> None:
    assert V2Config().to_dict() == {
        "in_channels": 3,
        "sampling_rate": 100.0,
        "norm": "std",
        "in_samples": 3001,
        "n_stages": 4,
        "features_per_stage": [8, 16, 32, 64],
        "kernel_size": 7,
        "strides": [2, 2, 2, 2],
        "n_blocks_per_stage": [2, 2, 2, 2],
        "amplitude_features": False,
        "pooling_type": "avg",
        "hidden_dims": [128, 64],
        "dropout": 0.3,
    }
    assert V1Config().n_decoder_stages == 4
    assert V1Config.from_dict({"stem_skip": False}).n_decoder_stages == 3


def test_map_lengths_are_rounded_up_at_each_stride() -> None:
    assert V2Config().map_lengths() == (3001, 1501, 751, 376, 188)


@pytest.mark.parametrize("config", [V2Config(), V1Config(), V1Config.from_dict({"strides": 3})])
def test_json_round_trip_gives_an_equal_config(config: UMambaConfig) -> None:
    assert type(config).from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_one_number_stands_for_all_stages() -> None:
    config = V1Config.from_dict(
        {"n_stages": 2, "features_per_stage": 4, "strides": 3, "n_conv_per_stage_decoder": 1}
        | {"n_blocks_per_stage": 1, "stem_skip": False}
    )
    assert (config.features_per_stage, config.strides) == ((4, 4), (3, 3))
    assert config.n_conv_per_stage_decoder == (1,)
    assert V2Config.from_dict({"hidden_dims": 16}).hidden_dims == (16,)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"norm": "max", "kernel_size": 4, "dropout": 1.0}, ["norm", "kernel_size", "dropout"]),
        ({"n_stages": 3}, ["features_per_stage", "strides"]),
        ({"in_samples": True, "in_channels": 0}, ["in_samples", "in_channels"]),
        ({"hidden_dims": [8, -1], "pooling_type": "sum"}, ["hidden_dims", "pooling_type"]),
        ({"strides": "2222", "sampling_rate": float("nan")}, ["strides", "sampling_rate"]),
        ({"n_stages": 10**9, "strides": 2}, ["n_stages"]),
        ({"n_stages": "4"}, ["n_stages"]),
        ({"learning_rate": 1e-3, "epochs": 1}, ["learning_rate: unknown", "epochs: unknown"]),
    ],
)
def test_every_problem_of_a_v2_config_is_listed(
    values: dict[str, object], named: list[str]
) -> None:
    with pytest.raises(ValueError, match="v2 config") as caught:
        V2Config.from_dict(values)
    assert all(name in str(caught.value) for name in named)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"stem_skip": 1, "deep_supervision": "no"}, ["stem_skip", "deep_supervision"]),
        ({"n_conv_per_stage_decoder": [2, 2]}, ["n_conv_per_stage_decoder"]),
        ({"n_stages": 1, "features_per_stage": 8, "strides": 2, "stem_skip": False}, ["n_stages"]),
    ],
)
def test_every_problem_of_a_v1_config_is_listed(
    values: dict[str, object], named: list[str]
) -> None:
    with pytest.raises(ValueError, match="v1 config") as caught:
        V1Config.from_dict(values)
    assert all(name in str(caught.value) for name in named)


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*V1Config().to_dict(), "other"]), _PLAIN))
def test_any_plain_values_make_a_config_or_a_value_error(values: dict[str, object]) -> None:
    try:
        config = V1Config.from_dict(values)
    except ValueError:
        return
    assert config.problems() == []

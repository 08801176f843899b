"""models/encoder.py: maps, and where the Mamba layers sit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from umamba_rt.models.config import V2Config
from umamba_rt.models.encoder import UMambaEncoder
from umamba_rt.models.mamba_layer import MambaLayer


def test_maps_have_the_lengths_of_the_config() -> None:
    config = V2Config()
    maps = UMambaEncoder.from_config(config).eval()(torch.randn(1, 3, 3001))
    assert [m.shape[-1] for m in maps] == list(config.map_lengths())
    assert [m.shape[1] for m in maps] == [8, 8, 16, 32, 64]


@pytest.mark.parametrize(
    ("n_stages", "behind"), [(2, [1]), (3, [0, 2]), (4, [1, 3]), (5, [0, 2, 4])]
)
def test_mamba_layers_alternate_and_end_with_the_last_stage(
    n_stages: int, behind: list[int]
) -> None:
    given = {"n_stages": n_stages, "features_per_stage": [4] * n_stages, "strides": 2}
    layers = UMambaEncoder.from_config(V2Config.from_dict(given)).mamba_layers
    assert [s for s, layer in enumerate(layers) if isinstance(layer, MambaLayer)] == behind
    assert all(isinstance(layer, nn.Identity | MambaLayer) for layer in layers)


@pytest.mark.parametrize(
    ("width", "tokens", "dim"), [(15, False, 15), (16, True, 16), (20, True, 16)]
)
def test_channels_are_tokens_where_the_map_is_no_longer_than_its_channels(
    width: int, tokens: bool, dim: int
) -> None:
    config = V2Config.from_dict(
        {"n_stages": 2, "features_per_stage": [4, width], "strides": 4, "in_samples": 250}
    )
    assert config.map_lengths()[-1] == 16
    encoder = UMambaEncoder.from_config(config).eval()
    layer = encoder.mamba_layers[1]
    assert isinstance(layer, MambaLayer)
    assert (layer.channel_token, layer.dim) == (tokens, dim)
    assert encoder(torch.randn(2, 3, 250))[-1].shape == (2, width, 16)


def test_encoder_is_made_from_keywords_as_from_a_config() -> None:
    encoder = UMambaEncoder(
        in_channels=3,
        n_stages=2,
        features_per_stage=[4, 8],
        kernel_size=5,
        strides=[2, 3],
        n_blocks_per_stage=1,
        in_samples=60,
    )
    given = {"n_stages": 2, "features_per_stage": [4, 8], "kernel_size": 5, "strides": [2, 3]}
    config = V2Config.from_dict(given | {"n_blocks_per_stage": 1, "in_samples": 60})
    other = UMambaEncoder.from_config(config)
    other.load_state_dict(encoder.state_dict())
    x = torch.randn(2, 3, 60)
    assert torch.equal(encoder.eval()(x)[-1], other.eval()(x)[-1])
    with pytest.raises(ValueError, match="strides"):
        UMambaEncoder(n_stages=2, features_per_stage=4, strides=[2])

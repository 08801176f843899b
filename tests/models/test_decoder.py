"""models/decoder.py: which map is joined where, and the crop."""

from __future__ import annotations

import pytest
import torch

from umamba_rt.models.config import V1Config
from umamba_rt.models.decoder import UMambaDecoder, crop


@pytest.mark.parametrize(("length", "first"), [(10, 0), (9, 0), (8, 1), (7, 1), (6, 2)])
def test_of_an_odd_surplus_the_greater_part_is_cut_on_the_right(length: int, first: int) -> None:
    assert crop(torch.arange(10), length).tolist() == list(range(first, first + length))


def _maps(config: V1Config, seed: int = 0) -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    widths = (config.features_per_stage[0], *config.features_per_stage)
    sizes = zip(widths, config.map_lengths(), strict=True)
    return [torch.randn(2, width, length, generator=g) for width, length in sizes]


@pytest.mark.parametrize(("stem_skip", "used"), [(True, [0, 1, 2, 3, 4]), (False, [2, 3, 4])])
def test_decoder_joins_the_stem_or_in_its_earlier_form_neither_of_the_finest_maps(
    stem_skip: bool, used: list[int]
) -> None:
    torch.manual_seed(0)
    config = V1Config.from_dict({"stem_skip": stem_skip, "in_samples": 301})
    decoder, maps = UMambaDecoder.from_config(config).eval(), _maps(config)
    (plain,) = decoder(maps)
    changed = []
    for k in range(len(maps)):
        other = [m + 1 if i == k else m for i, m in enumerate(maps)]
        if not torch.allclose(decoder(other)[0], plain):
            changed.append(k)
    assert changed == used


def test_earlier_form_gives_1502_samples_for_3001() -> None:
    config = V1Config.from_dict({"stem_skip": False})
    (output,) = UMambaDecoder.from_config(config).eval()(_maps(config))
    assert output.shape == (2, 1, 1502)


def test_heads_carry_the_number_of_their_stage() -> None:
    def heads(**given: bool) -> list[str]:
        return list(UMambaDecoder.from_config(V1Config.from_dict(given)).seg_layers)

    assert heads() == ["3"]
    assert heads(deep_supervision=True) == ["0", "1", "2", "3"]
    assert heads(stem_skip=False) == ["0", "1", "2"]
    assert heads(stem_skip=False, deep_supervision=True) == ["0", "1", "2"]


@pytest.mark.parametrize("stem_skip", [True, False])
def test_decoder_is_made_from_keywords_as_from_a_config(stem_skip: bool) -> None:
    decoder = UMambaDecoder(
        n_stages=2,
        features_per_stage=[4, 8],
        kernel_size=5,
        strides=[2, 3],
        n_conv_per_stage_decoder=1,
        deep_supervision=True,
        stem_skip=stem_skip,
    )
    given = {"n_stages": 2, "features_per_stage": [4, 8], "kernel_size": 5, "strides": [2, 3]}
    given |= {"n_conv_per_stage_decoder": 1, "deep_supervision": True, "stem_skip": stem_skip}
    config = V1Config.from_dict(given | {"in_samples": 60})
    other = UMambaDecoder.from_config(config)
    other.load_state_dict(decoder.state_dict())
    for one, two in zip(decoder(_maps(config)), other(_maps(config)), strict=True):
        assert torch.equal(one, two)


def test_state_dict_has_the_order_of_the_existing_checkpoints() -> None:
    order = list(dict.fromkeys(key.split(".")[0] for key in UMambaDecoder().state_dict()))
    assert order == ["stages", "upsample_layers", "seg_layers"]

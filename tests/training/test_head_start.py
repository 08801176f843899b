"""training/head_start.py: the head learns, the encoder does not move and is not heard."""

from __future__ import annotations

import copy

import pytest
import torch

from tests.training.records import record
from umamba_rt.core.amplitude import N_AMPLITUDE
from umamba_rt.models import UMambaV2
from umamba_rt.training.head_start import head_start
from umamba_rt.training.recipe import DataRecipe
from umamba_rt.training.sampler import Sampler

RECORDS = [record(source_id=f"t{k}", magnitude=2.0 + k / 2, seed=k) for k in range(9)]


def sampler(*, amplitude: bool) -> Sampler:
    recipe = DataRecipe(real=("x",), real_share=1.0, noise_share=0.0, unknown_unit_share=0.0)
    return Sampler(RECORDS, [], recipe, norm="std", amplitude=amplitude)


def model() -> UMambaV2:
    torch.manual_seed(0)
    shape = {"n_stages": 2, "features_per_stage": 4, "strides": 8}
    return UMambaV2(**shape, hidden_dims=[16], dropout=0.0, amplitude_features=True)  # type: ignore[arg-type]


def start(made: UMambaV2, passes: int, *, amplitude: bool = True, hears: bool = False) -> float:
    source = sampler(amplitude=amplitude)
    return head_start(
        made, source, hears_encoder=hears, windows=500, passes=passes, loss="huber", seed=3
    )


def test_the_head_learns_and_the_encoder_stays() -> None:
    made = model()
    before = copy.deepcopy(made.encoder.state_dict())
    assert start(made, 20) < 0.3 * start(model(), 1)
    assert all(torch.equal(value, before[key]) for key, value in made.encoder.state_dict().items())


def test_what_the_encoder_says_makes_no_difference_yet() -> None:
    made = model()
    start(made, 1)
    made.eval()
    amplitude = torch.randn(2, N_AMPLITUDE)
    with torch.inference_mode():
        one, other = (made(torch.randn(2, 3, 3001), amplitude) for _ in range(2))
    torch.testing.assert_close(one, other)


def test_an_encoder_that_has_learned_is_heard() -> None:
    made = model()
    start(made, 2, hears=True)
    made.eval()
    amplitude = torch.zeros(2, N_AMPLITUDE)
    with torch.inference_mode():
        one, other = (made(torch.randn(2, 3, 3001), amplitude) for _ in range(2))
    assert not torch.allclose(one, other, atol=1e-6)


def test_the_same_seed_gives_the_same_head() -> None:
    one, two = model(), model()
    torch.manual_seed(1)
    first = start(one, 2)
    torch.manual_seed(1)
    assert first == start(two, 2)


def test_without_the_features_there_is_nothing_to_learn_from() -> None:
    with pytest.raises(ValueError, match="amplitude features"):
        start(model(), 1, amplitude=False)

"""models/umamba_v1.py: sizes, an estimate for each sample, deep supervision."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from umamba_rt.models import UMambaV1
from umamba_rt.models.summary import count_parameters


def test_parameter_counts_are_the_published_ones() -> None:
    assert count_parameters(UMambaV1()) == 230_425
    assert count_parameters(UMambaV1(deep_supervision=True)) == 230_425 + 59
    assert count_parameters(UMambaV1(stem_skip=False)) == 227_419
    assert count_parameters(UMambaV1().encoder) == 174_672


@settings(deadline=None, max_examples=30)
@given(
    n_stages=st.integers(2, 5),
    in_samples=st.integers(1, 200),
    stride=st.integers(1, 3),
    stem_skip=st.booleans(),
    batch=st.integers(1, 3),
)
def test_any_number_of_stages_and_any_length_give_an_estimate_a_sample(
    n_stages: int, in_samples: int, stride: int, stem_skip: bool, batch: int
) -> None:
    model = UMambaV1(
        n_stages=n_stages,
        features_per_stage=[4 * 2**s for s in range(n_stages)],
        strides=stride,
        stem_skip=stem_skip,
        in_samples=in_samples,
    ).eval()
    with torch.inference_mode():
        y = model(torch.randn(batch, 3, in_samples))
    assert isinstance(y, torch.Tensor)
    assert y.shape == (batch, in_samples)
    assert y.isfinite().all()


@pytest.mark.parametrize(("stem_skip", "count"), [(True, 4), (False, 3)])
def test_deep_supervision_gives_every_stage_in_training_and_the_finest_alone_after(
    stem_skip: bool, count: int
) -> None:
    torch.manual_seed(0)
    model = UMambaV1(stem_skip=stem_skip, deep_supervision=True, in_samples=301)
    x = torch.randn(2, 3, 301)
    outputs = model(x)
    assert isinstance(outputs, tuple)
    assert [y.shape for y in outputs] == [(2, 301)] * count
    # Coarse outputs are interpolated: the finest alone has corners at every sample.
    bends = [float(y.detach().diff(n=2).ne(0).float().mean()) for y in outputs]
    assert bends[0] == max(bends)
    model.eval()
    assert isinstance(model(x), torch.Tensor)


def test_a_window_gives_the_same_numbers_in_any_batch() -> None:
    torch.manual_seed(0)
    model, x = UMambaV1().eval(), torch.randn(5, 3, 3001)
    with torch.inference_mode():
        together, alone = model(x), torch.cat([model(window[None]) for window in x])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)

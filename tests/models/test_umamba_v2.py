"""models/umamba_v2.py: sizes, names, shapes, and that windows do not see each other."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from umamba_rt.models import UMambaV2
from umamba_rt.models.summary import count_parameters


def test_parameter_counts_are_the_published_ones() -> None:
    model = UMambaV2()
    assert count_parameters(model) == 191_313
    assert count_parameters(model.encoder) == 174_672
    assert count_parameters(model.encoder.mamba_layers) == 36_160
    assert count_parameters(model.regression_head) == 16_641


def test_state_dict_has_the_names_of_the_existing_checkpoints() -> None:
    keys = set(UMambaV2().state_dict())
    assert {
        "encoder.stem.conv1.weight",
        "encoder.stem.conv3.bias",
        "encoder.stages.0.0.norm1.running_mean",
        "encoder.stages.3.1.conv2.weight",
        "encoder.mamba_layers.1.norm.weight",
        "encoder.mamba_layers.1.mamba.A_log",
        "encoder.mamba_layers.3.mamba.dt_proj.bias",
        "regression_head.0.weight",
        "regression_head.3.bias",
        "regression_head.6.weight",
    } <= keys
    assert not any(key.startswith(("pooling", "encoder.mamba_layers.0")) for key in keys)


@settings(deadline=None, max_examples=25)
@given(
    n_stages=st.integers(2, 5),
    in_samples=st.integers(1, 200),
    stride=st.integers(1, 3),
    blocks=st.integers(1, 3),
    pooling=st.sampled_from(["avg", "max"]),
    batch=st.integers(1, 3),
)
def test_any_number_of_stages_and_any_length_give_one_number_a_window(
    n_stages: int, in_samples: int, stride: int, blocks: int, pooling: str, batch: int
) -> None:
    model = UMambaV2(
        n_stages=n_stages,
        features_per_stage=[4 * 2**s for s in range(n_stages)],
        strides=stride,
        n_blocks_per_stage=[blocks] * n_stages,
        pooling_type="avg" if pooling == "avg" else "max",
        hidden_dims=[5],
        in_samples=in_samples,
    ).eval()
    with torch.inference_mode():
        y = model(torch.randn(batch, 3, in_samples))
    assert y.shape == (batch,)
    assert y.isfinite().all()


def test_pooling_is_the_mean_or_the_maximum_over_time() -> None:
    for kind in ("avg", "max"):
        model = UMambaV2(pooling_type="avg" if kind == "avg" else "max", in_samples=301).eval()
        features = model.encoder(torch.randn(2, 3, 301))[-1]
        expected = features.mean(-1) if kind == "avg" else features.amax(-1)
        torch.testing.assert_close(model.pooling(features).squeeze(-1), expected)


def test_a_window_gives_the_same_number_in_any_batch() -> None:
    torch.manual_seed(0)
    model, x = UMambaV2().eval(), torch.randn(13, 3, 3001)
    with torch.inference_mode():
        together = model(x)
        alone = torch.cat([model(window[None]) for window in x])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


def test_every_parameter_gets_a_gradient() -> None:
    model = UMambaV2(in_samples=501)
    model(torch.randn(4, 3, 501)).square().sum().backward()
    without = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # A bias in front of a batch norm is taken out by it: its gradient is rounding noise or 0.
    assert [key for key in without if not key.endswith(("conv1.bias", "conv2.bias"))] == []


def test_one_step_of_training_lowers_the_loss() -> None:
    torch.manual_seed(0)
    model, x, y = UMambaV2(in_samples=501, dropout=0.0), torch.randn(8, 3, 501), torch.arange(8.0)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(8):
        optimiser.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_unusable_arguments_are_all_listed() -> None:
    with pytest.raises(ValueError, match=r"kernel_size.*strides"):
        UMambaV2(kernel_size=6, strides=[2, 2])

"""Both models, loaded from a ``.pt``, and the engine against a second writing of the design."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.models.independent import Net, State, random_state, run
from tests.models.legacy_files import write_pt
from umamba_rt.core.preprocess import ModelInput
from umamba_rt.engine.torch_engine import TorchEngine
from umamba_rt.models import UMambaV2, load
from umamba_rt.models.state import Model

_SMALL = Net(length=301)
_CASES = {
    "v2 avg": _SMALL,
    "v2 max, even length": replace(_SMALL, pooling="max", length=300),
    "v2 2 stages, 3 blocks": replace(_SMALL, features=(6, 9), blocks=3, hidden=(5,)),
    "v2 3 stages": replace(_SMALL, features=(4, 8, 12), kernel=5),
    "v2 5 stages, channel tokens": replace(_SMALL, features=(4, 8, 8, 16, 32)),
    "v2 channel tokens, 2 stages": replace(_SMALL, features=(4, 16), stride=3, length=100),
    "v1 old": replace(_SMALL, decoder="old"),
    "v1 new": replace(_SMALL, decoder="new"),
    "v1 old, 2 stages": replace(_SMALL, decoder="old", features=(6, 9), stride=3),
    "v1 new, 3 stages": replace(_SMALL, decoder="new", features=(4, 8, 12), stride=3),
    "v1 old, 5 stages, channel tokens": replace(
        _SMALL, decoder="old", features=(4, 8, 8, 16, 32), length=333
    ),
    "v1 new, 5 stages": replace(_SMALL, decoder="new", features=(4, 8, 8, 16, 32), length=333),
    "v1 old, deep": replace(_SMALL, decoder="old", deep=True),
    "v1 new, deep": replace(_SMALL, decoder="new", deep=True),
}


def _loaded(net: Net, state: State, folder: Path, **others: object) -> Model:
    """Write the tensors as the earlier training code did, and load them."""
    config: dict[str, object] = {
        "n_stages": len(net.features),
        "features_per_stage": list(net.features),
        "strides": [net.stride] * len(net.features),
        "kernel_size": net.kernel,
        "n_blocks_per_stage": net.blocks,
        "in_samples": net.length,
    }
    if net.decoder == "none":
        config |= {"hidden_dims": list(net.hidden), "pooling_type": net.pooling} | others
    else:
        state = state | {f"decoder.{k}": t for k, t in state.items() if k.startswith("encoder.")}
        config |= {"n_conv_per_stage_decoder": 2, "deep_supervision": net.deep}
    return load(write_pt(folder / "old.pt", state, config))


def _windows(net: Net, count: int = 3) -> Tensor:
    g = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, net.length, generator=g, dtype=torch.float64)


def _gradients(outputs: list[Tensor], by: list[Tensor]) -> list[Tensor]:
    g = torch.Generator().manual_seed(2)
    total = sum((y * torch.randn(y.shape, generator=g, dtype=y.dtype)).sum() for y in outputs)
    assert isinstance(total, Tensor)
    found = torch.autograd.grad(total, by, allow_unused=True)
    return [torch.zeros_like(t) if g is None else g for t, g in zip(by, found, strict=True)]


def _difference(found: Tensor, expected: Tensor) -> float:
    assert found.shape == expected.shape
    scale = max(1.0, float(expected.detach().abs().max()))
    return float((found - expected).detach().abs().max()) / scale


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", _CASES)
def test_outputs_and_gradients_equal_the_second_writing(
    name: str, training: bool, tmp_path: Path
) -> None:
    net, state = _CASES[name], random_state(_CASES[name])
    model = _loaded(net, state, tmp_path, dropout=0.0).double().train(training)
    own = {k: t.double() if t.is_floating_point() else t for k, t in state.items()}
    parameters = dict(model.named_parameters())
    leaves = [own[key].requires_grad_() for key in parameters]
    x = _windows(net)
    found = model(x)
    outputs = list(found) if isinstance(found, tuple) else [found]
    expected = run(net, own, x, training=training)
    assert len(outputs) == len(expected) == (net.depth if net.deep and training else 1)
    for y, want in zip(outputs, expected, strict=True):
        assert _difference(y, want) < 1e-9
    grads = _gradients(outputs, list(parameters.values()))
    for key, grad, want in zip(parameters, grads, _gradients(expected, leaves), strict=True):
        assert _difference(grad, want) < 1e-9, key
    assert any(bool(grad.any()) for grad in grads)


@pytest.mark.parametrize(
    "net", [Net(), Net(pooling="max"), Net(decoder="old"), Net(decoder="new")], ids=str
)
def test_engine_equals_the_second_writing_to_1e_4(net: Net, tmp_path: Path) -> None:
    state = random_state(net, seed=3)
    batch = _windows(net, 2).float()
    exact = {k: t.double() if t.is_floating_point() else t for k, t in state.items()}
    with torch.no_grad():
        (expected,) = run(net, exact, batch.double())
    output = TorchEngine(_loaded(net, state, tmp_path), threads=1).run(ModelInput(batch.numpy()))
    found = output.magnitude if output.evolution is None else output.evolution
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-4)
    if output.evolution is not None:
        mean = expected.mean(1).numpy()
        np.testing.assert_allclose(output.magnitude, mean, rtol=1e-4, atol=1e-4)


def test_dropout_of_the_config_acts_in_training_alone() -> None:
    width, share = 4000, 0.3
    model = UMambaV2(
        n_stages=2,
        features_per_stage=4,
        strides=2,
        hidden_dims=[width],
        dropout=share,
        in_samples=20,
    )
    first, last = model.regression_head[0], model.regression_head[-1]
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)
    with torch.no_grad():  # the output becomes the share that is kept, over its expectation
        for tensor, value in ((first.weight, 0.0), (first.bias, 1.0), (last.bias, 0.0)):
            tensor.fill_(value)
        last.weight.fill_(1 / width)
        x = torch.randn(64, 3, 20)
        torch.testing.assert_close(model.eval()(x), torch.ones(64))
        torch.manual_seed(0)
        kept = model.train()(x)
    spread = (share / (1 - share) / width) ** 0.5
    assert abs(float(kept.mean()) - 1) < spread  # of 64 windows: 8 standard errors
    assert 0.7 * spread < float(kept.std()) < 1.3 * spread

"""engine/fold.py: the same numbers without batch norms, and the model left alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.models.legacy_files import shake
from umamba_rt.engine.fold import folded
from umamba_rt.models import UMambaV1, UMambaV2
from umamba_rt.models.state import Model


@pytest.mark.parametrize("model", [UMambaV2(), UMambaV1(), UMambaV1(stem_skip=False)])
def test_folded_model_gives_the_numbers_of_the_model(model: Model) -> None:
    shake(model)
    kept = {key: value.clone() for key, value in model.state_dict().items()}
    copied, x = folded(model), torch.randn(2, 3, 3001)
    assert not any(isinstance(part, nn.BatchNorm1d) for part in copied.modules())
    with torch.inference_mode():
        torch.testing.assert_close(copied(x), model(x), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(folded(copied)(x), copied(x), rtol=0, atol=0)
    assert all(torch.equal(value, kept[key]) for key, value in model.state_dict().items())


def test_folded_model_is_in_eval_mode_and_takes_no_gradient() -> None:
    copied = folded(UMambaV2(in_samples=99).train())
    assert not copied.training
    assert not any(parameter.requires_grad for parameter in copied.parameters())

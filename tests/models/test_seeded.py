"""models/seeded.py: the same random weights each time, at nobody's expense."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from umamba_rt.core.estimate import ModelName
from umamba_rt.models import untrained
from umamba_rt.models.checkpoint import save
from umamba_rt.models.facts import CheckpointFacts, Preprocessing
from umamba_rt.models.summary import count_parameters


@pytest.mark.parametrize(("name", "count"), [("v1", 230_425), ("v2", 191_313)])
def test_same_seed_gives_the_same_weights(name: ModelName, count: int) -> None:
    one, other, third = untrained(name, 3), untrained(name, 3), untrained(name, 4)
    assert one.identity == other.identity
    assert one.identity is not None
    assert third.identity is not None
    assert one.identity.sha256 != third.identity.sha256
    assert (one.identity.name, one.identity.trained) == (name, False)
    assert count_parameters(one) == count
    assert not one.training
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    assert all(torch.equal(x, y) for x, y in pairs)


def test_global_generator_is_left_as_it_was() -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    untrained("v2", 5)
    assert torch.equal(torch.rand(3), expected)


def test_identity_is_that_of_the_file_it_would_be(tmp_path: Path) -> None:
    model = untrained("v2", 1)
    facts = CheckpointFacts("v2", "untrained-1", False, Preprocessing.of(model.config))
    save(tmp_path / "m.safetensors", model, facts)
    assert model.identity is not None
    content = (tmp_path / "m.safetensors").read_bytes()
    assert hashlib.sha256(content).hexdigest() == model.identity.sha256

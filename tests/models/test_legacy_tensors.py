"""models/legacy_tensors.py: names and dtypes that training wrappers change."""

from __future__ import annotations

import pytest
import torch

from umamba_rt.models.legacy_tensors import stages_in, tensors_of, without_unused_heads


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "module._orig_mod."])
def test_prefix_of_every_key_is_taken_off(prefix: str) -> None:
    found = tensors_of("m", {f"{prefix}a.weight": torch.ones(1), f"{prefix}b": torch.ones(1)})
    assert list(found) == ["a.weight", "b"]


def test_prefix_of_some_keys_stays() -> None:
    state = {"module.a": torch.ones(1), "b": torch.ones(1)}
    assert list(tensors_of("m", state)) == list(state)


@pytest.mark.parametrize("count", [None, torch.tensor(3, dtype=torch.int32), torch.tensor(3)])
def test_count_of_batches_is_there_as_int64(count: torch.Tensor | None) -> None:
    state = {"n.running_mean": torch.ones(2)}
    if count is not None:
        state["n.num_batches_tracked"] = count
    found = tensors_of("m", state)["n.num_batches_tracked"]
    assert found.dtype == torch.int64
    assert found.item() == (0 if count is None else 3)


def test_stages_are_counted_by_number() -> None:
    keys = ["decoder.stages.0.0.a", "decoder.stages.0.1.a", "decoder.stages.10.0.a", "a.0"]
    assert stages_in(dict.fromkeys(keys, torch.ones(1)), "decoder.stages.") == 2


def test_only_the_last_head_is_kept() -> None:
    keys = ["decoder.seg_layers.0.bias", "decoder.seg_layers.1.bias", "decoder.stages.0.a"]
    assert list(without_unused_heads(dict.fromkeys(keys, torch.ones(1)), 2)) == keys[1:]

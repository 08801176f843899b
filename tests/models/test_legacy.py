"""models/legacy.py: the existing ``.pt`` files load exactly, and nothing in them runs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.models.legacy_files import OLD_CONFIG, legacy_state, shake, write_pt
from umamba_rt.errors import CheckpointError
from umamba_rt.models import UMambaV1, UMambaV2
from umamba_rt.models.loading import load_checkpoint
from umamba_rt.models.state import Model
from umamba_rt.models.summary import count_parameters


def v2() -> Model:
    return shake(UMambaV2())


def old_v1() -> Model:
    return shake(UMambaV1(stem_skip=False))


def same_output(one: Model, other: Model) -> bool:
    x = torch.randn(2, 3, 3001, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        return torch.equal(one(x), other(x))


@pytest.mark.parametrize("make", [v2, old_v1])
def test_file_gives_the_model_that_was_saved(make: type[Model], tmp_path: Path) -> None:
    saved = make()
    loaded = load_checkpoint(write_pt(tmp_path / "old.pt", legacy_state(saved)))
    assert loaded.format == "pt"
    assert loaded.model.config == saved.config
    assert not loaded.model.training
    assert all(p.requires_grad for p in loaded.model.parameters())
    assert same_output(loaded.model, saved)


def test_old_v1_has_its_three_heads_and_its_encoder_once(tmp_path: Path) -> None:
    state = legacy_state(old_v1())
    assert {"decoder.seg_layers.0.weight", "decoder.encoder.stem.conv1.weight"} <= set(state)
    model = load_checkpoint(write_pt(tmp_path / "old.pt", state)).model
    assert count_parameters(model) == 227_419
    assert not any("decoder.encoder" in key for key in model.state_dict())


def test_file_before_the_zip_format_loads(tmp_path: Path) -> None:
    saved = v2()
    content = {"model_state_dict": saved.state_dict(), "config": OLD_CONFIG}
    torch.save(content, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert same_output(load_checkpoint(tmp_path / "old.pt").model, saved)


def test_settings_of_the_training_become_facts(tmp_path: Path) -> None:
    config = OLD_CONFIG | {"dropout": 0.1, "hidden_dims": [128, 64]}
    path = write_pt(tmp_path / "old.pt", v2().state_dict(), config, val_loss=np.float64(0.5))
    loaded = load_checkpoint(path)
    assert json.loads(loaded.facts.training) == {
        "learning_rate": 1e-3,
        "optimizer": "AdamW",
        "epoch": 41,
        "val_loss": 0.5,
    }
    assert loaded.facts.trained
    assert loaded.facts.version == "pt-epoch-41"
    assert loaded.model.config.to_dict()["dropout"] == 0.1


def test_loss_that_is_a_tensor_or_infinite_is_kept_as_json(tmp_path: Path) -> None:
    for loss, kept in ((torch.tensor(0.25), 0.25), (float("inf"), "inf")):
        path = write_pt(tmp_path / "old.pt", v2().state_dict(), val_loss=loss)
        assert json.loads(load_checkpoint(path).facts.training)["val_loss"] == kept


@pytest.mark.parametrize(
    ("loss", "kept"),
    [
        *((np.dtype(kind).type(0.5), 0.5) for kind in ("f2", "f4", "f8")),
        *((np.dtype(kind).type(1), 1) for kind in ("i1", "u2", "i4", "u8")),
        (np.longdouble(0.5), "0.5"),
        (np.complex64(0.5), "(0.5+0j)"),
        (np.True_, True),
        (np.zeros(1001), None),
        (torch.zeros(2, device="meta"), None),
        (np.array(0.5), 0.5),
        (np.array([0.5, 0.25], np.float32), [0.5, 0.25]),
    ],
)
def test_loss_may_be_any_numpy_number_or_array(loss: object, kept: object, tmp_path: Path) -> None:
    path = write_pt(tmp_path / "old.pt", v2().state_dict(), val_loss=loss)
    found = json.loads(load_checkpoint(path).facts.training)["val_loss"]
    assert isinstance(found, str) if kept is None else found == kept


def test_history_that_holds_itself_is_cut(tmp_path: Path) -> None:
    loss: list[object] = []
    loss.append(loss)
    path = write_pt(tmp_path / "old.pt", v2().state_dict(), val_loss=loss)
    assert "..." in load_checkpoint(path).facts.training


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_newer_pickle_protocol_is_refused_by_its_name(
    protocol: int, zipped: bool, tmp_path: Path
) -> None:
    torch.save(
        {"model_state_dict": v2().state_dict(), "config": OLD_CONFIG},
        tmp_path / "old.pt",
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=zipped,
    )
    with pytest.raises(CheckpointError, match=f"written with pickle protocol {protocol}"):
        load_checkpoint(tmp_path / "old.pt")


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model."])
@pytest.mark.parametrize("make", [v2, old_v1])
def test_state_dict_of_a_wrapped_model_loads(
    make: type[Model], prefix: str, tmp_path: Path
) -> None:
    saved = make()
    state = {
        f"{prefix}{key}": value
        for key, value in legacy_state(saved).items()
        if not key.endswith("num_batches_tracked")
    }
    assert same_output(load_checkpoint(write_pt(tmp_path / "old.pt", state)).model, saved)


@pytest.mark.parametrize("deep", [False, True])
def test_v1_with_four_decoder_stages_is_the_new_form(deep: bool, tmp_path: Path) -> None:
    saved = shake(UMambaV1(deep_supervision=deep))
    for config in (OLD_CONFIG, OLD_CONFIG | {"deep_supervision": deep}):
        loaded = load_checkpoint(write_pt(tmp_path / "old.pt", legacy_state(saved), config))
        assert same_output(loaded.model, saved)


def test_nested_config_gives_the_numbers_of_its_pooling(tmp_path: Path) -> None:
    saved = shake(UMambaV2(pooling_type="max", norm="peak"))
    for config in (
        {"model": {"pooling_type": "max", "norm": "peak"}, "training": {"epochs": 3}},
        {"pooling": "max", "normalization": "peak"},
    ):
        loaded = load_checkpoint(write_pt(tmp_path / "old.pt", saved.state_dict(), config))
        assert loaded.model.config == saved.config
        assert same_output(loaded.model, saved)


def test_missing_and_unexpected_keys_and_shapes_are_all_listed(tmp_path: Path) -> None:
    state = dict(v2().state_dict())
    del state["encoder.stem.conv1.bias"]
    state["encoder.extra"] = torch.zeros(1)
    state["regression_head.6.weight"] = torch.zeros(1, 65)
    state["regression_head.6.bias"] = torch.zeros(1, dtype=torch.float64)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(write_pt(tmp_path / "old.pt", state))
    assert caught.value.details == (
        "missing key: encoder.stem.conv1.bias",
        "unexpected key: encoder.extra",
        "regression_head.6.weight: found (1, 65) float32, expected (1, 64) float32",
        "regression_head.6.bias: found (1,) float64, expected (1,) float32",
    )
    assert caught.value.exit_status == 78


def test_a_long_list_of_keys_is_cut_and_counted(tmp_path: Path) -> None:
    state = {"regression_head.0.weight": torch.zeros(128, 64)}
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(write_pt(tmp_path / "old.pt", state))
    assert len(caught.value.details) == 21
    assert caught.value.details[-1].endswith(f"{len(v2().state_dict()) - 1} in all")


@pytest.mark.parametrize(
    "change",
    [{"features_per_stage": [8, 16, 32, 128]}, {"kernel_size": 5}, {"n_stages": 3, "strides": 2}],
)
def test_config_that_contradicts_the_tensors_is_an_error(
    change: dict[str, object], tmp_path: Path
) -> None:
    config = OLD_CONFIG | change
    config["features_per_stage"] = config["features_per_stage"][: config["n_stages"]]  # type: ignore[index]
    with pytest.raises(CheckpointError, match="contradict"):
        load_checkpoint(write_pt(tmp_path / "old.pt", v2().state_dict(), config))


def test_unusable_config_is_an_error_that_names_the_keys(tmp_path: Path) -> None:
    config = OLD_CONFIG | {"norm": "max", "kernel_size": 6}
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(write_pt(tmp_path / "old.pt", v2().state_dict(), config))
    assert any("norm" in line for line in caught.value.details)
    assert any("kernel_size" in line for line in caught.value.details)


def test_second_encoder_that_differs_is_an_error(tmp_path: Path) -> None:
    state = legacy_state(old_v1())
    state["decoder.encoder.stem.conv1.bias"] = state["encoder.stem.conv1.bias"] + 1
    with pytest.raises(CheckpointError, match=r"decoder\.encoder\.stem\.conv1\.bias differs"):
        load_checkpoint(write_pt(tmp_path / "old.pt", state))


def test_key_of_the_second_encoder_alone_is_unexpected(tmp_path: Path) -> None:
    state = legacy_state(old_v1())
    state["decoder.encoder.other"] = torch.zeros(1)
    with pytest.raises(CheckpointError, match=r"unexpected key: decoder\.encoder\.other"):
        load_checkpoint(write_pt(tmp_path / "old.pt", state))


class Runs:
    """Creates a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.path,)


def test_pickle_that_wants_to_run_code_is_refused_and_does_not_run_it(tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    path = write_pt(tmp_path / "old.pt", v2().state_dict(), Runs(str(trap)))
    with pytest.raises(CheckpointError, match="mkdir"):
        load_checkpoint(path)
    assert not trap.exists()


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    state = dict(v2().state_dict())
    state["encoder.stem.conv1.bias"] = torch.full((8,), torch.nan)
    with pytest.raises(CheckpointError, match=r"not finite: encoder\.stem\.conv1\.bias"):
        load_checkpoint(write_pt(tmp_path / "old.pt", state))


@pytest.mark.parametrize(
    ("state", "config", "reason"),
    [
        ({}, {}, "no model_state_dict"),
        (None, {}, "no model_state_dict"),
        ({"a": 1}, {}, "other than tensors"),
        ({"regression_head.0.weight": torch.zeros(3).to_sparse()}, {}, "other than tensors"),
        ({"a": torch.zeros(1)}, {}, "neither a regression_head nor a decoder"),
        (
            {"regression_head.a": torch.zeros(1), "decoder.a": torch.zeros(1)},
            {},
            "both a regression_head and a decoder",
        ),
        ({"regression_head.a": torch.zeros(1)}, [1], "config is list"),
    ],
)
def test_file_of_another_kind_is_an_error(
    state: object, config: object, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(write_pt(tmp_path / "old.pt", state, config))


def test_pickle_of_something_else_is_an_error(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(CheckpointError, match="holds list"):
        load_checkpoint(tmp_path / "list.pt")


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_file_is_a_checkpoint_error_or_still_loads(
    data: st.DataObject, tmp_path: Path
) -> None:
    for zipped in (True, False):
        path = tmp_path / f"whole-{zipped}.pt"
        if not path.exists():
            content = {"model_state_dict": {"decoder.a": torch.ones(3)}, "config": {}, "epoch": 1}
            torch.save(content, path, _use_new_zipfile_serialization=zipped)
        content_bytes = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(0, 4))):
            at = data.draw(st.integers(4, len(content_bytes) - 1))
            content_bytes[at] = data.draw(st.integers(0, 255))
        del content_bytes[data.draw(st.integers(4, len(content_bytes))) :]
        damaged = tmp_path / "damaged.pt"
        damaged.write_bytes(content_bytes)
        with pytest.raises(CheckpointError):
            load_checkpoint(damaged)

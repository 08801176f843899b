"""models/checkpoint.py: our own format, written whole and read with doubt."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.models.legacy_files import legacy_state, shake, write_pt
from umamba_rt.core.uncertainty import ErrorModel
from umamba_rt.errors import CheckpointError, UnavailableError
from umamba_rt.models import UMambaV1, UMambaV2, load
from umamba_rt.models.checkpoint import from_bytes, save, to_bytes
from umamba_rt.models.facts import CheckpointFacts, Preprocessing
from umamba_rt.models.loading import load_checkpoint
from umamba_rt.models.state import Model


def small() -> Model:
    return shake(
        UMambaV2(
            n_stages=2, features_per_stage=4, strides=2, norm="peak", hidden_dims=[4], in_samples=99
        )
    )


def facts_of(model: Model) -> CheckpointFacts:
    training = json.dumps({"epochs": 3})
    preprocessing = Preprocessing.of(model.config)
    return CheckpointFacts(model.config.name, "7", True, preprocessing, training)


@pytest.mark.parametrize("old", [UMambaV2(), UMambaV1(stem_skip=False)])
def test_converted_checkpoint_gives_identical_outputs(old: Model, tmp_path: Path) -> None:
    legacy = load_checkpoint(write_pt(tmp_path / "old.pt", legacy_state(shake(old))))
    path = tmp_path / "new.safetensors"
    sha256 = save(path, legacy.model, legacy.facts)
    converted = load_checkpoint(path)
    assert converted.facts == legacy.facts
    assert converted.model.config == legacy.model.config
    assert converted.identity.sha256 == sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert converted.format == "safetensors"
    x = torch.randn(2, 3, 3001)
    with torch.inference_mode():
        assert torch.equal(converted.model(x), legacy.model(x))


def test_loaded_model_says_what_it_is(tmp_path: Path) -> None:
    model = small()
    save(tmp_path / "m.safetensors", model, facts_of(model))
    loaded = load(str(tmp_path / "m.safetensors"))
    assert loaded.identity is not None
    assert (loaded.identity.name, loaded.identity.version) == ("v2", "7")
    assert loaded.identity.trained
    assert (loaded.config.norm, loaded.config.in_samples) == ("peak", 99)
    assert not loaded.training


@pytest.mark.parametrize("more", [(), (0.5, 0.25, 0.75)])  # as before there were eight, and now
def test_law_of_errors_comes_back_and_a_broken_one_is_refused(more: tuple[float, ...]) -> None:
    model, law = small(), ErrorModel((-0.5, 0.25, 0.125, 0.0, 1.0, *more))
    content = to_bytes(model, replace(facts_of(model), errors=law))
    assert from_bytes("m", content)[1].errors == law
    assert from_bytes("m", to_bytes(model, facts_of(model)))[1].errors is None
    broken = content.replace(b"[-0.5, 0.25,", b"[-0.5      ,")
    assert broken != content
    with pytest.raises(CheckpointError, match=r"unusable law of errors.*expected 8"):
        from_bytes("m", broken)


def test_metadata_holds_everything_in_one_json_entry(tmp_path: Path) -> None:
    model = small()
    save(tmp_path / "m.safetensors", model, facts_of(model))
    with safetensors.safe_open(str(tmp_path / "m.safetensors"), "pt") as file:
        metadata = file.metadata()
    header = json.loads(metadata.pop("umamba_rt"))
    assert metadata == {}
    assert header["format"] == "umamba-rt/checkpoint/1"
    assert header["preprocessing"] == {
        "norm": "peak",
        "rate_hz": 100.0,
        "samples": 99,
        "components": "ZNE",
        "amplitude": False,
    }
    assert header["training"] == {"epochs": 3}
    assert header["config"] == model.config.to_dict()


def test_same_model_gives_the_same_bytes_in_every_process() -> None:
    code = "from umamba_rt.models import untrained; print(untrained('v2').identity.sha256)"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    }
    assert len(runs) == 1


def test_loading_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    model = small()
    save(tmp_path / "m.safetensors", model, facts_of(model))
    before = torch.get_rng_state()
    load(tmp_path / "m.safetensors")
    assert torch.equal(torch.get_rng_state(), before)


def test_failed_write_keeps_the_old_file_and_leaves_no_part(tmp_path: Path) -> None:
    model = small()
    path = tmp_path / "m.safetensors"
    path.mkdir()
    (path / "kept").touch()
    with pytest.raises(UnavailableError, match=r"m\.safetensors"):
        save(path, model, facts_of(model))
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]
    with pytest.raises(UnavailableError, match="nowhere"):
        save(tmp_path / "nowhere" / "m.safetensors", model, facts_of(model))


def test_facts_of_another_model_are_refused() -> None:
    model = small()
    with pytest.raises(ValueError, match="are not"):
        to_bytes(model, facts_of(UMambaV2()))


def test_missing_file_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"gone\.safetensors.*No such file"):
        load(tmp_path / "gone.safetensors")
    with pytest.raises(UnavailableError, match="Is a directory"):
        load(tmp_path)


def _metadata(content: bytes) -> dict[str, str]:
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8 : 8 + length])["__metadata__"]
    return metadata


def _rewritten(**changes: object) -> bytes:
    """Our bytes of a small model, with parts of the header replaced."""
    content = to_bytes(small(), facts_of(small()))
    header = json.loads(_metadata(content)["umamba_rt"])
    text = json.dumps(header | changes)
    return safetensors.torch.save(safetensors.torch.load(content), {"umamba_rt": text})


_CONFIG = small().config.to_dict()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"config": _CONFIG | {"features_per_stage": [4, 5]}}, "contradict the config"),
        ({"config": _CONFIG | {"features_per_stage": [8000, 8000]}}, "contradict the config"),
        ({"config": _CONFIG | {"norm": "std"}}, "preprocessing contradicts"),
        ({"config": _CONFIG | {"in_samples": 100}}, "preprocessing contradicts"),
        ({"config": _CONFIG | {"n_stages": "2", "stem": 1}}, "unusable config"),
        ({"name": "v1"}, "unusable config"),
        ({"name": "v3"}, "unusable metadata"),
        ({"format": "umamba-rt/checkpoint/2"}, "unusable metadata"),
        ({"trained": "yes"}, "unusable metadata"),
        ({"version": "1\x1b[31m"}, "unusable metadata"),
        ({"more": 1}, "unusable metadata"),
    ],
)
def test_header_that_contradicts_is_an_error(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(CheckpointError, match=reason):
        from_bytes("m.safetensors", _rewritten(**changes))


def test_missing_tensor_is_listed() -> None:
    content = to_bytes(small(), facts_of(small()))
    tensors = safetensors.torch.load(content)
    del tensors["encoder.stem.conv1.weight"]
    with pytest.raises(CheckpointError) as caught:
        from_bytes("m", safetensors.torch.save(tensors, _metadata(content)))
    assert caught.value.details == ("missing key: encoder.stem.conv1.weight",)


def test_safetensors_of_someone_else_is_no_checkpoint() -> None:
    content = safetensors.torch.save({"a": torch.zeros(1)}, {"format": "pt"})
    with pytest.raises(CheckpointError, match="no checkpoint"):
        from_bytes("m", content)


_WHOLE = to_bytes(small(), facts_of(small()))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(_WHOLE) - 1) | st.integers(0, 3000), st.integers(0, 255)),
        max_size=3,
    ),
    length=st.just(len(_WHOLE)) | st.integers(0, len(_WHOLE)),
)
def test_damaged_bytes_are_a_checkpoint_error_or_still_a_model(
    edits: list[tuple[int, int]], length: int
) -> None:
    content = bytearray(_WHOLE)
    for at, value in edits:
        content[at] = value
    try:
        model, _ = from_bytes("m", bytes(content[:length]))
    except CheckpointError:
        return
    assert all(bool(p.isfinite().all()) for p in model.parameters())

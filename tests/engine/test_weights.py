"""engine/weights.py: tensors without torch, each taken once, none left over."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from umamba_rt.engine.weights import TensorReader, UnsuitableError, read_weights, weights_of
from umamba_rt.errors import CheckpointError, UnavailableError
from umamba_rt.models import UMambaV2, load
from umamba_rt.models.shipped import shipped


def test_file_holds_what_the_loaded_model_holds() -> None:
    path = shipped("v2")
    assert path is not None
    read, model = read_weights(path), load(path)
    of_model = weights_of(model)
    assert (read.config, read.identity) == (model.config, model.identity)
    assert read.errors == of_model.errors
    assert read.tensors.keys() == of_model.tensors.keys()
    assert all(np.array_equal(read.tensors[key], of_model.tensors[key]) for key in read.tensors)


def test_reading_needs_no_torch() -> None:
    code = (
        "import sys; from umamba_rt.engine.weights import read_weights;"
        "from umamba_rt.models.shipped import shipped; read_weights(shipped('v1'));"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_file_that_is_none_is_told_from_one_that_needs_torch(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(UnavailableError, match="cannot read"):
        read_weights(path)
    path.write_bytes(b"text")
    with pytest.raises(CheckpointError, match="no checkpoint"):
        read_weights(path)
    path.write_bytes(b"PK\x03\x04...")
    with pytest.raises(UnsuitableError, match="PyTorch"):
        read_weights(path)


def test_model_without_identity_has_no_weights_to_run() -> None:
    with pytest.raises(UnsuitableError, match="identity"):
        weights_of(UMambaV2(in_samples=99))


def test_reader_gives_what_is_there_and_knows_what_is_left() -> None:
    tensors = {"a.b.weight": np.ones((2, 3), np.float32), "a.c": np.zeros(1, np.float32)}
    reader = TensorReader(tensors)
    part = reader.part("a").part("b")
    assert part.take("weight", 2, 3) is tensors["a.b.weight"]
    with pytest.raises(UnsuitableError, match=r"unexpected key: a\.c, one of 1"):
        reader.finish()
    reader.part("a").skip("c")
    reader.finish()


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (np.ones((3, 2), np.float32), "of shape"),
        (np.ones((2, 3), np.float64), "float32"),
        (np.full((2, 3), np.inf, np.float32), "not finite"),
    ],
)
def test_reader_refuses_another_shape_dtype_or_nan(
    values: np.typing.NDArray[np.floating], problem: str
) -> None:
    with pytest.raises(UnsuitableError, match=problem):
        TensorReader({"w": values}).take("w", 2, 3)
    with pytest.raises(UnsuitableError, match="missing key: v"):
        TensorReader({"w": values}).take("v", 2, 3)

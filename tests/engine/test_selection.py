"""engine/selection.py: which backend, and what happens where it cannot be had."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from umamba_rt.core.estimate import ModelIdentity
from umamba_rt.core.preprocess import ModelInput
from umamba_rt.engine import load_engine
from umamba_rt.engine.selection import chosen, has_openvino
from umamba_rt.errors import CheckpointError
from umamba_rt.models import UMambaV2, load, untrained
from umamba_rt.models.checkpoint import save
from umamba_rt.models.checkpoint_file import described
from umamba_rt.models.facts import CheckpointFacts, Preprocessing
from umamba_rt.models.shipped import shipped


def checkpoint(folder: Path) -> Path:
    model = untrained("v2", 9)
    facts = CheckpointFacts("v2", "2026.1", True, Preprocessing.of(model.config))
    save(folder / "m.safetensors", model, facts)
    return folder / "m.safetensors"


def without_openvino(code: str) -> subprocess.CompletedProcess[str]:
    """Run in a process where the import system does not find it."""
    block = (
        "import sys, importlib.abc\n"
        "class Hide(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'openvino': raise ModuleNotFoundError(name, name=name)\n"
        "import importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'openvino' else real(name, *rest)\n"
        "sys.meta_path.insert(0, Hide())\n"
        "from umamba_rt.engine import load_engine\n"
    )
    command = [sys.executable, "-W", "error", "-c", block + code]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_auto_takes_the_fastest_that_is_installed() -> None:
    assert has_openvino()
    assert chosen("auto") in {"fast-cpu", "cuda"}
    assert chosen("torch") == "torch"


def test_auto_without_openvino_is_torch() -> None:
    done = without_openvino("print(load_engine(None, name='v2').backend)")
    assert done.stdout.strip() == "torch", done.stderr


def test_fast_cpu_by_name_without_openvino_says_how_to_install_it() -> None:
    done = without_openvino("load_engine(None, name='v2', engine='fast-cpu')")
    assert "pip install 'umamba-rt[fast]'" in done.stderr.splitlines()[-1]


def test_backends_give_the_same_numbers(tmp_path: Path) -> None:
    path = checkpoint(tmp_path)
    batch = ModelInput(np.random.default_rng(0).standard_normal((2, 3, 3001), dtype=np.float32))
    fast = load_engine(path, name="v2", engine="fast-cpu", threads=1)
    plain = load_engine(path, name="v2", engine="torch", threads=1)
    assert (fast.backend, plain.backend) == ("fast-cpu", "torch")
    np.testing.assert_allclose(
        fast.run(batch).magnitude, plain.run(batch).magnitude, rtol=0, atol=1e-4
    )
    assert fast.identity.sha256 == plain.identity.sha256


def test_file_of_the_earlier_format_is_run_fast_too(tmp_path: Path) -> None:
    import torch

    model = UMambaV2()
    content = {
        "model_state_dict": model.state_dict(),
        "config": {"model_name": "umamba_v2"},
        "epoch": 1,
        "val_loss": 0.5,
    }
    path = tmp_path / "best.pt"
    torch.save(content, path)
    engine = load_engine(path, name="v2", engine="fast-cpu", threads=1)
    assert engine.backend == "fast-cpu"
    assert engine.identity.sha256 == _identity(path).sha256


def _identity(path: Path) -> ModelIdentity:
    identity = load(path).identity
    assert identity is not None
    return identity


@pytest.mark.parametrize("change", ["missing", "extra", "nan", "shape"])
def test_file_with_wrong_tensors_is_refused_with_what_is_wrong(tmp_path: Path, change: str) -> None:
    path = checkpoint(tmp_path)
    tensors = safetensors.numpy.load(path.read_bytes())
    key = "encoder.stem.conv1.weight"
    if change == "missing":
        del tensors[key]
    elif change == "extra":
        tensors["extra"] = np.zeros(1, np.float32)
    elif change == "nan":
        tensors[key][0, 0, 0] = np.nan
    else:
        tensors[key] = np.zeros((8, 3, 5), np.float32)
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
    path.write_bytes(safetensors.numpy.save(tensors, metadata))
    with pytest.raises(CheckpointError, match="extra" if change == "extra" else "stem.conv1"):
        load_engine(path, name="v2", engine="fast-cpu")


def test_damaged_file_is_refused(tmp_path: Path) -> None:
    path = checkpoint(tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        load_engine(path, name="v2", engine="fast-cpu")


@pytest.mark.parametrize("engine", ["torch", "fast-cpu"])
def test_checkpoint_of_the_other_model_is_an_error(tmp_path: Path, engine: str) -> None:
    with pytest.raises(CheckpointError, match="holds v2, expected v1"):
        load_engine(checkpoint(tmp_path), name="v1", engine=engine)  # type: ignore[arg-type]


def test_description_of_the_shipped_weights_needs_no_torch() -> None:
    path = shipped("v1")
    assert path is not None
    config, facts = described(str(path), path.read_bytes())
    assert (config.name, facts.name, facts.trained) == ("v1", "v1", True)

"""engine/__init__.py: from a checkpoint, or from a seed, to an engine."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from umamba_rt.core.preprocess import ModelInput
from umamba_rt.engine import load_engine
from umamba_rt.errors import UnavailableError
from umamba_rt.models import untrained
from umamba_rt.models.checkpoint import save
from umamba_rt.models.facts import CheckpointFacts, Preprocessing


def _checkpoint(folder: Path) -> Path:
    model = untrained("v2", 9)
    facts = CheckpointFacts("v2", "2026.1", True, Preprocessing.of(model.config))
    save(folder / "m.safetensors", model, facts)
    return folder / "m.safetensors"


def test_without_a_checkpoint_the_weights_are_seeded_and_not_trained() -> None:
    engine = load_engine(None, name="v1", seed=4)
    assert (engine.identity.name, engine.identity.trained) == ("v1", False)
    assert replace(engine.identity, engine="") == untrained("v1", 4).identity


def test_engine_of_a_checkpoint_gives_the_numbers_of_its_model(tmp_path: Path) -> None:
    engine = load_engine(_checkpoint(tmp_path), name="v2")
    assert engine.identity.trained
    assert engine.identity.version == "2026.1"
    batch = np.random.default_rng(0).standard_normal((2, 3, 3001), dtype=np.float32)
    expected = load_engine(None, name="v2", seed=9).run(ModelInput(batch))
    assert np.array_equal(engine.run(ModelInput(batch)).magnitude, expected.magnitude)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_without_a_device_is_unavailable() -> None:
    with pytest.raises(UnavailableError, match="no CUDA device"):
        load_engine(None, name="v2", engine="cuda")


def test_importing_the_package_does_not_import_torch() -> None:
    code = "import umamba_rt.engine.base, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

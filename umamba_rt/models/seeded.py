"""Random weights that are the same each time, for a daemon that has no checkpoint."""

from __future__ import annotations

import hashlib

import torch

from umamba_rt.core.estimate import ModelName
from umamba_rt.models.checkpoint import to_bytes
from umamba_rt.models.config import CONFIGS
from umamba_rt.models.facts import CheckpointFacts, Preprocessing
from umamba_rt.models.state import Model, build


def untrained(name: ModelName, seed: int = 0) -> Model:
    """Make the model at its defaults with random weights of ``seed``, in eval mode.

    Its identity says ``trained=False`` and has the SHA-256 that a file of it would have. Torch's
    global generator is left as it was.
    """
    config = CONFIGS[name]()
    state = torch.get_rng_state()
    try:
        # Not torch.manual_seed: that would seed the CUDA generators as well.
        torch.default_generator.manual_seed(seed)
        model = build(config).eval()
    finally:
        torch.set_rng_state(state)
    facts = CheckpointFacts(name, f"untrained-{seed}", False, Preprocessing.of(config))
    model.identity = facts.identity(hashlib.sha256(to_bytes(model, facts)).hexdigest())
    return model

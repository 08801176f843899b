"""models/facts.py: facts of training as JSON text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from umamba_rt.models.facts import training_text


def test_what_json_cannot_hold_becomes_a_number_or_text() -> None:
    facts = {
        "loss": np.float32(0.5),
        "tensor": torch.tensor(3),
        "path": Path("/a"),
        "bad": float("nan"),
        "list": (1, {"x": None}),
        "array": np.zeros(2),
    }
    assert json.loads(training_text(facts)) == {
        "loss": 0.5,
        "tensor": 3,
        "path": "/a",
        "bad": "nan",
        "list": [1, {"x": None}],
        "array": [0.0, 0.0],
    }

"""What the configuration says of the models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from umamba_rt.config.table import key, path_key

UNTRAINED = "untrained"


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The model behind ``magnitude.v2``."""

    checkpoint: str = path_key(
        "safetensors or .pt file. Empty: the weights that come with the package. untrained:\n"
        "random weights, whose numbers are no magnitudes, and every message says so",
    )
    seed: int = key("of the random weights", 0, low=0, high=2**31 - 1)
    engine: Literal["auto", "torch", "fast-cpu", "cuda"] = key(
        "what runs V2 and V1. auto: cuda where there is a device, else fast-cpu where OpenVINO is\n"
        "installed (extra fast), else torch. All give the same numbers, within 1e-4",
        "auto",
    )
    half_precision: bool = key(
        "fast-cpu and cuda: faster on newer hardware, and estimates move by hundredths", False
    )
    threads: int = key(
        "windows that the model works on at once, each on a core; 0 takes all cores",
        0,
        low=0,
        high=1024,
    )
    batch_size: int = key(
        "most windows in one call of the model; live, no more than it takes half a second for",
        64,
        low=1,
        high=4096,
    )
    queue_size: int = key(
        "most windows waiting; see run.mode for what happens then. In a replay at most\n"
        "four batches of them, or 256 where that is more",
        1024,
        low=1,
        high=1000000,
    )
    max_queue_s: float = key(
        "live: a window that waited longer is dropped if a newer one of its station waits",
        1.0,
        low=0.1,
        high=3600,
    )


@dataclass(frozen=True, slots=True)
class ModelV1Config:
    """The model behind ``magnitude.v1``, with its curve inside the window."""

    enabled: bool = key("run V1 beside V2", False)
    checkpoint: str = path_key("as in [model]")
    seed: int = key("of the random weights", 0, low=0, high=2**31 - 1)
    max_queue_s: float = key(
        "as in [model]. V1 has the time that V2 leaves: for seconds that may be none",
        5.0,
        low=0.1,
        high=3600,
    )

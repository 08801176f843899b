"""The two UMamba models, their scan, and their checkpoints; torch only.

Names are loaded on first use, so that ``umamba_rt.models.config`` stays free of torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from umamba_rt.models.blocks import BasicResBlock as BasicResBlock
    from umamba_rt.models.blocks import UpsampleLayer as UpsampleLayer
    from umamba_rt.models.config import V1Config as V1Config
    from umamba_rt.models.config import V2Config as V2Config
    from umamba_rt.models.decoder import UMambaDecoder as UMambaDecoder
    from umamba_rt.models.encoder import UMambaEncoder as UMambaEncoder
    from umamba_rt.models.loading import load as load
    from umamba_rt.models.mamba import Mamba as Mamba
    from umamba_rt.models.mamba_layer import MambaLayer as MambaLayer
    from umamba_rt.models.pooling import LearnablePooling as LearnablePooling
    from umamba_rt.models.seeded import untrained as untrained
    from umamba_rt.models.umamba_v1 import UMambaV1 as UMambaV1
    from umamba_rt.models.umamba_v2 import UMambaV2 as UMambaV2

_HOME = {
    "BasicResBlock": "blocks",
    "UpsampleLayer": "blocks",
    "V1Config": "config",
    "V2Config": "config",
    "UMambaDecoder": "decoder",
    "UMambaEncoder": "encoder",
    "load": "loading",
    "Mamba": "mamba",
    "MambaLayer": "mamba_layer",
    "LearnablePooling": "pooling",
    "UMambaV1": "umamba_v1",
    "UMambaV2": "umamba_v2",
    "untrained": "seeded",
}


def __getattr__(name: str) -> object:
    """Import the module that holds ``name`` and return it (PEP 562).

    Raises:
        AttributeError: the package exports no such name.
    """
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])

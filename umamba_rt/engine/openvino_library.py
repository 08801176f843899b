"""OpenVINO without its telemetry: the one place that imports it.

Its import tells Google Analytics that it was imported, from a child process, which it ends with
SIGTERM where no answer comes within 3 s, as behind a firewall. An observatory's daemon tells nobody
of itself, and has no child that it does not know of.

Source: openvino 2026.4, ``tools/ovc/__init__.py``; openvino-telemetry 2025.2,
``backend/backend_ga4.py``. Where that package is absent, OpenVINO has a stub in its place.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _absent(name: str) -> Iterator[None]:
    """Within the block a module cannot be imported, unless it was before.

    Source: Python's reference, the module cache: None in ``sys.modules`` makes its import fail.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


with _absent("openvino_telemetry"):
    import openvino
    from openvino import Model, Node, opset13

__all__ = ["Model", "Node", "openvino", "opset13"]

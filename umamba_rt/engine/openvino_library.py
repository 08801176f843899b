"""OpenVINO without its converter and that one's telemetry: the one place that imports it.

Where OpenVINO is imported its converter of other frameworks' models is, too, and tells Google
Analytics so, from a child process, which it ends with SIGTERM where no answer comes within 3 s, as
behind a firewall. An observatory's daemon tells nobody of itself, and has no child that it does not
know of. It converts nothing either: that is 8 MiB less.

Source: openvino 2026.4, ``openvino/__init__.py``, which does without ``openvino.tools.ovc`` where
its import fails, and ``tools/ovc/__init__.py``; openvino-telemetry 2025.2,
``backend/backend_ga4.py``.
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


with _absent("openvino.tools.ovc"):
    import openvino
    from openvino import Model, Node, opset13

__all__ = ["Model", "Node", "openvino", "opset13"]

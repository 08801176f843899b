"""parts.py: what a run is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import free_port
from tests.test_daemon import config
from umamba_rt.config.file import parse
from umamba_rt.core.inventory import EMPTY
from umamba_rt.engines import make_engines
from umamba_rt.parts import Parts


@pytest.mark.parametrize(
    ("mode", "keys", "most"),
    [
        ("live", "", 1024),
        ("replay", "", 256),
        ("replay", "batch_size = 128", 512),
        ("replay", "queue_size = 8", 8),
    ],
)
def test_windows_that_wait_are_fewer_in_a_replay(
    tmp_path: Path, mode: str, keys: str, most: int
) -> None:
    more = f'[model]\ncheckpoint = "untrained"\n{keys}\n'
    made = parse(
        config(free_port(), f"ipc://{tmp_path}/feed", mode=mode, more=more), {}, where="test"
    )
    parts = Parts(made, make_engines(made), EMPTY, on_failure=lambda error: pytest.fail(str(error)))
    try:
        assert (parts.queue.size, parts.queue.is_live) == (most, mode == "live")
    finally:
        assert parts.events is not None
        parts.events.finish(1.0)
        parts.closing.close()

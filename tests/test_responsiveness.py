"""responsiveness.py: what it sets, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

_SCRIPT = """
import gc, sys
from umamba_rt.responsiveness import favour_latency
before = sys.getswitchinterval()
favour_latency()
print(sys.getswitchinterval() < before / 5, gc.get_freeze_count() > 1000, gc.isenabled())
"""


def test_threads_hand_over_sooner_and_start_up_is_spared() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "True", "True"]

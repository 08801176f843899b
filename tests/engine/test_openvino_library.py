"""engine/openvino_library.py: what an import of OpenVINO does besides."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support import outside_ci

# All that the fast engine imports; what telemetry does, it does at the import and in a thread.
_IMPORTING = """
import os, sys, threading
forks = []
os.register_at_fork(before=lambda: forks.append(threading.current_thread().name))
import umamba_rt.engine.fast_cpu
threads = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
for thread in threads:
    thread.join(10)
print("openvino_telemetry" in sys.modules, threads, forks, sorted(os.listdir(os.environ["HOME"])))
import openvino.tools.ovc  # whoever else wants it can have it
"""


def test_nobody_is_told_of_the_import_and_no_process_is_forked(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTING],
        env=outside_ci(tmp_path),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "False [] [] []\n"

"""early_end.py: a signal while the main thread is in C code that nothing interrupts."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

# A minute of hashing, without the interpreter's lock.
_BUSY = """
import hashlib
from umamba_rt.early_end import end_at_signals
end_at_signals()
print("begun", flush=True)
hashlib.pbkdf2_hmac("sha512", b"", b"", 100_000_000)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_ends_with_0_at_once(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", _BUSY], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"begun\n"
            time.sleep(0.2)  # into the hashing
            process.send_signal(number)
            assert process.wait(5) == 0
        finally:
            process.kill()

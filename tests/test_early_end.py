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


# A library's child, as multiprocessing begins and ends it, before and after the event loop.
_FORKING = """
import asyncio, multiprocessing, signal, sys, time
from umamba_rt.early_end import end_at_signals
end_at_signals()

def end_a_child():
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    child.terminate()
    child.join()
    return child.exitcode

async def run():
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    code = await asyncio.to_thread(end_a_child)
    try:
        await asyncio.wait_for(ended.wait(), 0.5)
    except TimeoutError:
        return code
    return "the loop took the child's signal"

print(end_a_child(), asyncio.run(run()))
"""


def test_end_of_a_forked_child_by_a_signal_is_not_our_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FORKING], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == f"{-signal.SIGTERM} {-signal.SIGTERM}\n", done.stderr


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

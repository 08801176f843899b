"""SIGTERM and SIGINT before there is a daemon: they end the process at once."""

from __future__ import annotations

import os
import signal
import socket
import threading

_ENDING = (signal.SIGTERM, signal.SIGINT)


def end_at_signals() -> None:
    """End with 0 at a signal, until an event loop takes signals itself.

    Imports and compiling hold the main thread for seconds, in which Python runs no handler. What
    is written to the wakeup descriptor reaches another thread meanwhile.
    """
    reads, writes = socket.socketpair()
    writes.setblocking(False)
    for number in _ENDING:
        signal.signal(number, _taken)
    signal.set_wakeup_fd(writes.detach())
    threading.Thread(target=_wait, args=(reads,), name="umamba-signals", daemon=True).start()


def _taken(*_: object) -> None:
    """Nothing: but without a handler of Python's the descriptor is not written to."""


def _wait(reads: socket.socket) -> None:
    while number := reads.recv(1):
        if number[0] in _ENDING:
            os._exit(0)

"""SIGTERM and SIGINT before there is a daemon: they end the process at once."""

from __future__ import annotations

import os
import signal
import socket
import threading

_ENDING = (signal.SIGTERM, signal.SIGINT)
_OURS = (*_ENDING, signal.SIGHUP)


def end_at_signals() -> None:
    """End with 0 at a signal, until an event loop takes signals itself.

    Imports and compiling hold the main thread for seconds, in which Python runs no handler. What
    is written to the wakeup descriptor reaches another thread meanwhile.

    A child that a library forks has the handlers and the descriptor, the event loop's later on: its
    own end by SIGTERM would be ours. So a child lets go of them.
    """
    reads, writes = socket.socketpair()
    writes.setblocking(False)
    for number in _ENDING:
        signal.signal(number, _taken)
    signal.set_wakeup_fd(writes.detach())
    threading.Thread(target=_wait, args=(reads,), name="umamba-signals", daemon=True).start()
    os.register_at_fork(before=_hold_back, after_in_parent=_let_come, after_in_child=_let_go)


def _hold_back() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)


def _let_come() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS)


def _let_go() -> None:
    signal.set_wakeup_fd(-1)
    for number in _OURS:
        signal.signal(number, signal.SIG_DFL)
    _let_come()  # what came meanwhile, to the child that it was meant for


def _taken(*_: object) -> None:
    """Nothing: but without a handler of Python's the descriptor is not written to."""


def _wait(reads: socket.socket) -> None:
    while number := reads.recv(1):
        if number[0] in _ENDING:
            os._exit(0)

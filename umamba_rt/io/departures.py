"""Which messages have left: the feed's own subscriber, last to know what ZeroMQ has sent.

``zmq_send`` only hands a message to ZeroMQ's thread; killed in between, the process never sent it.
The thread writes to all subscribers of all endpoints in the order in which it was told of the
messages, and of a message's number only after the message: when the number has come back here,
the message was in the kernel's hands for each subscriber that was keeping up, and outlives the
process.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

import zmq

from umamba_rt.io.publisher import NUMBER

_POLL_MS = 200
_MOST_AT_ONCE = 1000
# Woken by each message the thread would take turns with the one that sends them. What a killed
# process sent in so short a time is sent again, marked as that.
_REST_S = 0.01


class Departures:
    """Calls back with the numbers that have come round.

    Attributes:
        address: where the publisher is to bind besides; an abstract socket, which leaves no file.
            Whoever finds it there gets numbers, and nothing of the feed.
    """

    def __init__(self, on_departed: Callable[[int], None]) -> None:
        """Prepare.

        Args:
            on_departed: called from a thread of its own: all messages up to this number have left.
        """
        self.address = f"ipc://@umamba-rt-{uuid.uuid4().hex}"
        self._on_departed = on_departed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="umamba-departures", daemon=True)

    def start(self) -> None:
        """Begin; the publisher is bound."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        context = zmq.Context()
        socket = context.socket(zmq.SUB)
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.SUBSCRIBE, b"")
        socket.connect(self.address)
        try:
            while not self._stopping.is_set():
                if socket.poll(_POLL_MS):
                    self._on_departed(_latest(socket))
                    self._stopping.wait(_REST_S)
        finally:
            socket.close()
            context.term()


def _latest(socket: zmq.Socket[bytes]) -> int:
    """The last of the numbers that wait; each stands for those before it."""
    number = 0
    for _ in range(_MOST_AT_ONCE):
        try:
            (number,) = NUMBER.unpack(socket.recv(zmq.NOBLOCK))
        except zmq.Again:
            break
    return number

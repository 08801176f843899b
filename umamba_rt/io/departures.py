"""Which messages have left: the feed's own subscriber, last to know what ZeroMQ has sent.

``zmq_send`` only hands a message to ZeroMQ's thread; killed in between, the process never sent it.
The thread writes to all subscribers in the order of the messages: when one has come back here, it
was in the kernel's hands for each other subscriber that was keeping up, and outlives the process.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable

import msgspec
import zmq

_POLL_MS = 200
_TOPIC = b"magnitude."


class _Numbered(msgspec.Struct):
    """The one field of a body that is wanted here."""

    seq: int


class Departures:
    """Calls back with the number of each estimate that has come round.

    Attributes:
        address: where the publisher is to bind besides; an abstract socket, which leaves no file.
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
        socket.set(zmq.RCVTIMEO, _POLL_MS)
        socket.set(zmq.SUBSCRIBE, _TOPIC)
        socket.connect(self.address)
        try:
            while not self._stopping.is_set():
                with contextlib.suppress(zmq.Again):
                    self._on_departed(_number(socket.recv_multipart()[-1]))
        finally:
            socket.close()
            context.term()


def _number(body: bytes) -> int:
    decode = msgspec.json.decode if body.startswith(b"{") else msgspec.msgpack.decode
    return decode(body, type=_Numbered).seq

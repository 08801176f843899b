"""A client's ZeroMQ socket, and its end; needs pyzmq alone."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self, TypeVar

import zmq

from umamba_rt.curve import ClientKeys, secure

_MAX_BYTES = 64 * 1024 * 1024  # no message of the daemon is longer
# Signs of life, so that a daemon's machine that vanished is noticed and connected to again.
_HEARTBEAT_MS = 10_000
_HEARTBEAT_TIMEOUT_MS = 30_000

_Socket = TypeVar("_Socket", bound=zmq.Socket[Any])


def prepared(socket: _Socket, keys: ClientKeys | None) -> _Socket:
    """A new socket with a client's options; still without a connection."""
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.IPV6, 1)
    socket.set(zmq.MAXMSGSIZE, _MAX_BYTES)
    socket.set(zmq.HEARTBEAT_IVL, _HEARTBEAT_MS)
    socket.set(zmq.HEARTBEAT_TIMEOUT, _HEARTBEAT_TIMEOUT_MS)
    secure(socket, keys)
    return socket


class ClientSocket:
    """One socket with a context of its own; a context manager that closes both.

    Args:
        socket: prepared, of ``context``.
        context: of nothing else.
        address: to connect to; ZeroMQ keeps trying where nobody listens yet.

    Raises:
        zmq.ZMQError: the address is none.
    """

    def __init__(self, context: zmq.Context[Any], socket: zmq.Socket[Any], address: str) -> None:
        self._held = socket, context
        try:
            socket.connect(address)
        except zmq.ZMQError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect."""
        socket, context = self._held
        socket.close()
        context.term()

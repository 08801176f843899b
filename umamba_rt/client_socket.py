"""A client's ZeroMQ socket, and its end; needs pyzmq alone."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self, TypeVar

import zmq

from umamba_rt.curve import ClientKeys, secure

_MAX_BYTES = 64 * 1024 * 1024  # no message of the daemon is longer
# Signs of life by the kernel, so that a peer's machine that vanished is noticed in half a minute.
# Not by ZeroMQ's heartbeats: with them libzmq 4.3.5 ends the process ("Assertion failed:
# !_io_error") where a peer dies while its messages wait to be read, as a slow subscriber's do.
_ALIVE = {
    zmq.TCP_KEEPALIVE: 1,
    zmq.TCP_KEEPALIVE_IDLE: 10,  # s
    zmq.TCP_KEEPALIVE_INTVL: 5,  # s
    zmq.TCP_KEEPALIVE_CNT: 4,
}

_Socket = TypeVar("_Socket", bound=zmq.Socket[Any])


def prepared(socket: _Socket, keys: ClientKeys | None) -> _Socket:
    """A new socket with a client's options; still without a connection."""
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.IPV6, 1)
    socket.set(zmq.MAXMSGSIZE, _MAX_BYTES)
    notice_death(socket)
    secure(socket, keys)
    return socket


def notice_death(socket: zmq.Socket[Any]) -> None:
    """Have the connections end of peers whose machine or network is gone."""
    for option, value in _ALIVE.items():
        socket.set(option, value)


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

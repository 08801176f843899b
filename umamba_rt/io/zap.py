"""Answers ZeroMQ's question whether a client may connect, in a thread of its own.

pyzmq's ``ThreadAuthenticator`` does the same on an event loop of its own, whose thread ends with
the first exception in it, after which every handshake waits for ever; it reads certificates from
a directory, and cannot say which key was refused.

Source: RFC 27/ZAP of ZeroMQ, version 1.0.
"""

from __future__ import annotations

import threading

import structlog
import zmq

from umamba_rt.io.access import Access

_ADDRESS = "inproc://zeromq.zap.01"
_VERSION = b"1.0"
_HEAD_FRAMES = 8  # identity, nothing, version, request, domain, address, routing id, mechanism


class ZapHandler:
    """Stands for one context; ends with it.

    Args:
        context: that of the sockets that ``Access.protect`` was called for.
        access: who may connect.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], access: Access) -> None:
        self._access = access
        self._log = structlog.get_logger()
        self._socket = context.socket(zmq.ROUTER)
        self._socket.set(zmq.LINGER, 0)
        self._socket.bind(_ADDRESS)
        self._thread = threading.Thread(target=self._run, name="umamba-zap", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while True:
                frames = self._socket.recv_multipart()
                if len(frames) >= _HEAD_FRAMES:
                    self._socket.send_multipart(self._answer(frames))
        except zmq.ContextTerminated:
            pass
        finally:
            self._socket.close()

    def _answer(self, frames: list[bytes]) -> list[bytes]:
        peer, empty, version, request, _, address, _, mechanism, *credentials = frames
        # 300, not 400, after which libzmq's clients never try again: one that is listed later, or
        # left the list by a slip, is in as soon as the list is read again.
        status, text = b"300", b"not allowed"
        try:
            good = version == _VERSION and mechanism == b"CURVE" and len(credentials) == 1
            if good and self._access.admits(credentials[0], address.decode("ascii", "replace")):
                status, text = b"200", b"OK"
        except Exception:  # noqa: BLE001 - whatever fails, the next client gets its answer
            self._log.exception("client_not_judged")
        return [peer, empty, _VERSION, request, status, text, b"", b""]

"""A small HTTP server for a WSGI application, which no peer can make large or slow."""

from __future__ import annotations

import io
import socket
import socketserver
import threading
import time
from collections.abc import Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import WSGIApplication

from umamba_rt.errors import UnavailableError

# A scraper asks for a few hundred bytes; the client library would take 6 MB of headers.
_MAX_REQUEST_BYTES = 16 * 1024
# One more ends the oldest: whoever holds connections open does not keep a scraper out.
MAX_CONNECTIONS = 8
_SILENCE_S = 10.0
_LEAVE_S = 1.0
_POLL_S = 0.1


class HttpEndpoint:
    """Serves an application from threads of its own.

    Each connection is for one request. It may hold 16 KiB and be silent for 10 s, and at most
    eight connections are open.
    """

    def __init__(self, address: str, application: WSGIApplication, *, key: str) -> None:
        """Bind; nothing is answered before ``start``.

        Args:
            address: ``HOST:PORT`` or ``[IPv6]:PORT``; port 0 takes any.
            application: who answers; called from several threads.
            key: what the configuration calls the address.

        Raises:
            UnavailableError: the address cannot be bound.
        """
        host, _, port = address.rpartition(":")
        try:
            self._server = _Server((host.strip("[]"), int(port)))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UnavailableError(f"{key} {address}", reason) from error
        self._server.set_app(application)
        self.address = f"{host}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._run, name="umamba-http", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop, and hang up on who is connected."""
        self._server.leave()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def _run(self) -> None:
        self._server.serve_forever(_POLL_S)


class _Request(io.RawIOBase):
    """What a peer sends, up to the limit."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._left = _MAX_REQUEST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._connection.recv_into(memoryview(buffer)[: self._left]) if self._left else 0
        self._left -= count
        return count


class _Handler(WSGIRequestHandler):
    timeout = _SILENCE_S

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_Request(self.connection))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Nothing: a line for each scrape would drown the log."""

    def get_stderr(self) -> io.StringIO:
        """Not the daemon's: only a peer that hangs up early is written of here."""
        return io.StringIO()


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 2 * MAX_CONNECTIONS

    def __init__(self, address: tuple[str, int]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self._open: dict[Any, None] = {}  # the oldest first
        self._left = threading.Condition()
        self._leaving = False
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's: it asks a name server for the address's name.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()

    def get_request(self) -> tuple[Any, Any]:
        try:
            return super().get_request()
        except OSError:
            time.sleep(_POLL_S)  # out of files: the connection waits, and is tried at once again
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._left:
            while len(self._open) >= MAX_CONNECTIONS and not self._leaving:
                _hang_up([next(iter(self._open))])
                self._left.wait(_LEAVE_S)
            leaving = self._leaving
            self._open[request] = None
        if leaving:
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._left:
            self._open.pop(request, None)
            self._left.notify()
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: the application deals with its own errors, and these are the peer's."""

    def leave(self) -> None:
        """Hang up on all; who waits for room is, too, so that nothing holds up the end."""
        with self._left:
            self._leaving = True
            _hang_up(self._open)
            self._left.notify_all()


def _hang_up(connections: Iterable[socket.socket]) -> None:
    for connection in connections:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue  # gone by itself

"""Asking a running daemon: a thin client over ZeroMQ; needs pyzmq alone."""

from __future__ import annotations

import json
import uuid
from types import TracebackType
from typing import Any

import zmq

from umamba_rt.defaults import QUERY_ADDRESS

_SCHEMA = "umamba-rt/query/"
_MAX_ANSWER_BYTES = 64 * 1024 * 1024


class QueryFailedError(Exception):
    """The daemon refuses a request; ``code`` says why, as in ``wire.query``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class QueryClient:
    """Questions to a daemon, one at a time.

    >>> with QueryClient() as daemon:  # doctest: +SKIP
    ...     print(daemon.ask("stats")["uptime_s"])
    """

    def __init__(self, address: str = QUERY_ADDRESS, *, timeout_s: float = 5.0) -> None:
        """Connect; ZeroMQ keeps trying where nobody listens yet.

        Args:
            address: the daemon's ``query.address``.
            timeout_s: longest wait for an answer.

        Raises:
            zmq.ZMQError: the address is none.
        """
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.set(zmq.LINGER, 0)
        self._socket.set(zmq.IPV6, 1)
        self._socket.set(zmq.MAXMSGSIZE, _MAX_ANSWER_BYTES)
        self._socket.set(zmq.RCVTIMEO, round(timeout_s * 1000))
        self._socket.set(zmq.SNDTIMEO, round(timeout_s * 1000))
        try:
            self._socket.connect(address)
        except zmq.ZMQError:
            self.close()
            raise

    def __enter__(self) -> QueryClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def ask(self, request: str, **arguments: object) -> dict[str, Any]:
        """The answer to a request.

        Raises:
            QueryFailedError: the daemon refuses it.
            TimeoutError: no answer came in time.
            ValueError: what came is no answer of this protocol.
        """
        mark = uuid.uuid4().hex
        question = {"request": request, "id": mark, **arguments}
        try:
            self._socket.send(json.dumps(question).encode())
            answer = self._answer_to(mark)
        except zmq.Again as error:
            raise TimeoutError("no answer") from error
        if "error" in answer:
            raise QueryFailedError(answer["error"]["code"], answer["error"]["message"])
        return answer

    def stations(self) -> list[dict[str, Any]]:
        """All rows of ``stations``, over all pages; raises as ``ask`` does."""
        rows: list[dict[str, Any]] = []
        after = ""
        while True:
            answer = self.ask("stations", after=after)
            rows += answer["stations"]
            after = answer["next"]
            if not after:
                return rows

    def close(self) -> None:
        """Disconnect."""
        self._socket.close()
        self._context.term()

    def _answer_to(self, mark: str) -> dict[str, Any]:
        while True:
            answer = json.loads(self._socket.recv())
            if not isinstance(answer, dict) or not str(answer.get("schema")).startswith(_SCHEMA):
                raise ValueError(f"no answer of {_SCHEMA}: {str(answer)[:80]}")
            # An answer without a mark is to a request that could not be read: the last one.
            # Another mark is that of a question whose answer came too late.
            if answer["id"] in (None, mark):
                return answer

"""Asking a running daemon: a thin client over ZeroMQ; needs pyzmq alone."""

from __future__ import annotations

import json
import uuid
from typing import Any

import zmq

from umamba_rt.client_socket import ClientSocket, prepared
from umamba_rt.curve import ClientKeys
from umamba_rt.defaults import QUERY_ADDRESS

_SCHEMA = "umamba-rt/query/"


class QueryFailedError(Exception):
    """The daemon refuses a request; ``code`` says why, as in ``wire.query``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Question:
    """One request, and how its answer is known among others.

    Attributes:
        body: what goes to the daemon.
    """

    def __init__(self, request: str, arguments: dict[str, object]) -> None:
        self._mark = uuid.uuid4().hex
        self.body = json.dumps({"request": request, "id": self._mark, **arguments}).encode()

    def answer(self, body: bytes) -> dict[str, Any] | None:
        """What a message from the daemon says to this; None where it answers another question.

        Raises:
            QueryFailedError: the daemon refuses the request.
            ValueError: what came is no answer of this protocol.
        """
        answer = json.loads(body)
        if not isinstance(answer, dict) or not str(answer.get("schema")).startswith(_SCHEMA):
            raise ValueError(f"no answer of {_SCHEMA}: {str(answer)[:80]}")
        # An answer without a mark is to a request that could not be read: the last one.
        # Another mark is that of a question whose answer came too late.
        if answer["id"] not in (None, self._mark):
            return None
        if "error" in answer:
            raise QueryFailedError(answer["error"]["code"], answer["error"]["message"])
        return answer


class QueryClient(ClientSocket):
    """Questions to a daemon, one at a time.

    >>> with QueryClient() as daemon:  # doctest: +SKIP
    ...     print(daemon.ask("stats")["uptime_s"])
    """

    def __init__(
        self,
        address: str = QUERY_ADDRESS,
        *,
        timeout_s: float = 5.0,
        keys: ClientKeys | None = None,
    ) -> None:
        """Connect.

        Args:
            address: the daemon's ``query.address``.
            timeout_s: longest wait for an answer.
            keys: where the daemon wants CURVE.

        Raises:
            zmq.ZMQError: the address is none.
        """
        context = zmq.Context()
        self._socket = prepared(context.socket(zmq.DEALER), keys)
        self._socket.set(zmq.RCVTIMEO, round(timeout_s * 1000))
        self._socket.set(zmq.SNDTIMEO, round(timeout_s * 1000))
        super().__init__(context, self._socket, address)

    def ask(self, request: str, **arguments: object) -> dict[str, Any]:
        """The answer to a request.

        Raises:
            QueryFailedError: the daemon refuses it.
            TimeoutError: no answer came in time.
            ValueError: what came is no answer of this protocol.
        """
        question = Question(request, arguments)
        try:
            self._socket.send(question.body)
            while (answer := question.answer(self._socket.recv())) is None:
                pass
        except zmq.Again as error:
            raise TimeoutError("no answer") from error
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

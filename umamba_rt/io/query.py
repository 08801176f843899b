"""The daemon's second ZeroMQ end: answers questions, whatever its peers do."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import structlog
import zmq

from umamba_rt.client_socket import notice_death
from umamba_rt.errors import UnavailableError
from umamba_rt.io.access import Access
from umamba_rt.io.peer_guard import PeerGuard
from umamba_rt.io.peer_rates import PeerRates
from umamba_rt.io.zap import ZapHandler
from umamba_rt.wire.query import (
    INTERNAL,
    MALFORMED,
    MAX_REQUEST_BYTES,
    TOO_MANY,
    UNKNOWN_REQUEST,
    QueryError,
    Request,
    decode_request,
    encode_answer,
    encode_error,
)

Content: TypeAlias = Mapping[str, object]
Handler: TypeAlias = Callable[[Request], Content | Awaitable[Content]]

# Frames read before others of the event loop get their turn, and the pause after that many. So a
# flood is held to 6,000 requests a second, and through TCP its sender is.
_TURN_FRAMES = 64
_PAUSE_S = 0.005
_BURST_S = 2.0  # what a peer may ask at once, in seconds of its rate
# Answers kept for a peer that does not read; further ones are dropped. libzmq hears of answers that
# were read by eights: who has up to 8 requests under way gets all answers.
_MAX_ANSWERS = 16
_MAX_REQUESTS = 16
# Answers that wait for a disk; further ones are refused.
_MAX_WAITING = 32
_KERNEL_BYTES = 256 * 1024  # what the kernel takes of answers; it would take megabytes a peer
# libzmq hangs up on a peer that sends a longer frame; up to here it is refused with a reason.
_MAX_FRAME_BYTES = 16 * MAX_REQUEST_BYTES
# What a peer may send beside twice the bytes of its requests.
_BURST_BYTES = 1_000_000
_LEAST_BYTES_S = 10_000.0
# 16 answers of 256 kB for each of a thousand peers are 4 GB (1.5 GB came together in this time).
_UNREAD_S = 3.0
_HANDSHAKE_MS = 2000  # see io/feed_endpoint.py


class QueryEndpoint:
    """A ROUTER socket that answers requests from the event loop, and never waits for a peer.

    REQ and DEALER peers are served: ``[request]`` or ``["", request]`` comes, the same with the
    answer goes back. What a peer does not read is dropped and counted.

    Attributes:
        counts: requests by what became of them: ``answered``, ``refused_CODE`` with the codes of
            ``wire.query``, and beside that ``unread``: answers that were dropped.
        address: where it is bound.
    """

    def __init__(
        self,
        address: str,
        handlers: Mapping[str, Handler],
        *,
        requests_hz: float = 20.0,
        access: Access | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Bind.

        Args:
            address: ZeroMQ's, such as ``tcp://127.0.0.1:5561``.
            handlers: what answers each request, by name; may raise ``QueryError``. One that has
                to wait gives an awaitable; the others are answered meanwhile.
            requests_hz: what each peer may ask for a second; twice that may come at once.
            access: the keys of clients that may ask; None: anyone may.
            monotonic_s: the clock of that limit, s.

        Raises:
            UnavailableError: the address cannot be bound.
        """
        self.counts: Counter[str] = Counter()
        self._handlers = dict(handlers)
        self._rates = PeerRates(requests_hz, max(1.0, _BURST_S * requests_hz))
        self._monotonic_s = monotonic_s
        self._log = structlog.get_logger()
        self._frames: list[bytes] = []  # of the message that is being read
        self._waiting: set[asyncio.Future[None]] = set()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._limit(address)
        self._guard = PeerGuard(
            self._socket,
            burst_bytes=_BURST_BYTES,
            bytes_s=max(_LEAST_BYTES_S, requests_hz * 2 * MAX_REQUEST_BYTES),
            unread_s=_UNREAD_S,
        )
        if access:
            ZapHandler(self._context, access)
            access.protect(self._socket, self._guard.hang_up)
        try:
            self._socket.bind(address)
        except zmq.ZMQError as error:
            self.close()
            raise UnavailableError(f"query.address {address}", str(error)) from error
        self.address = self._socket.get_string(zmq.LAST_ENDPOINT)

    @property
    def peers_dropped(self) -> int:
        """Peers hung up on for sending more than their requests can be."""
        return self._guard.dropped

    async def serve(self) -> None:
        """Answer until cancelled."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()

        def look() -> None:
            # Asking resets the descriptor, which else stays readable and spins the loop.
            if self._has_requests():
                readable.set()

        descriptor = self._socket.fileno()
        loop.add_reader(descriptor, look)
        try:
            while True:
                readable.clear()
                if self._read_turn():
                    await asyncio.sleep(_PAUSE_S)
                    continue
                # The descriptor tells of changes only: what came meanwhile is looked for here.
                if not self._has_requests():
                    await readable.wait()
        finally:
            loop.remove_reader(descriptor)
            for answer in self._waiting:
                answer.cancel()
            await asyncio.gather(*self._waiting, return_exceptions=True)

    def close(self) -> None:
        """Drop what is queued, and close."""
        self._guard.close()
        self._socket.close()
        self._context.term()

    def _limit(self, address: str) -> None:
        self._socket.set(zmq.ROUTER_MANDATORY, 1)  # a full or gone peer is an error, and counted
        self._socket.set(zmq.SNDHWM, _MAX_ANSWERS)
        self._socket.set(zmq.SNDBUF, _KERNEL_BYTES)
        self._socket.set(zmq.RCVHWM, _MAX_REQUESTS)
        self._socket.set(zmq.MAXMSGSIZE, _MAX_FRAME_BYTES)
        self._socket.set(zmq.HANDSHAKE_IVL, _HANDSHAKE_MS)
        notice_death(self._socket)
        self._socket.set(zmq.IPV6, int("[" in address))
        self._socket.set(zmq.LINGER, 0)

    def _has_requests(self) -> bool:
        return bool(int(self._socket.get(zmq.EVENTS)) & zmq.POLLIN)

    def _read_turn(self) -> bool:
        """Read a turn's frames; True where there may be more."""
        for _ in range(_TURN_FRAMES):
            try:
                frame = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return False
            more = bool(self._socket.get(zmq.RCVMORE))
            # Identity, perhaps an empty frame, request. A message of a million frames comes over
            # many turns, and is not kept.
            if len(self._frames) <= 3:
                self._frames.append(frame)
            if not more:
                frames, self._frames = self._frames, []
                self._take(frames)
        return True

    def _take(self, frames: list[bytes]) -> None:
        peer, *rest = frames
        envelope = rest[:1] if len(rest) > 1 and rest[0] == b"" else []
        head, bodies = [peer, *envelope], rest[len(envelope) :]
        request = None
        try:
            request = self._read(peer, bodies)
            content = self._handler(request)(request)
            if isinstance(content, Awaitable):
                self._answer_later(head, request, asyncio.ensure_future(content))
                return
            answer = encode_answer(request, content)
        except Exception as error:  # noqa: BLE001 - a bug in one answer must not end the feed
            self._send(head, self._refuse(error, request))
            return
        self._send(head, answer, answered=True)

    def _answer_later(
        self, head: list[bytes], request: Request, content: asyncio.Future[Content]
    ) -> None:
        if len(self._waiting) >= _MAX_WAITING:
            content.cancel()
            raise QueryError(TOO_MANY, "the disk is busy")
        answer = asyncio.ensure_future(self._answer(head, request, content))
        self._waiting.add(answer)
        answer.add_done_callback(self._waiting.discard)

    async def _answer(
        self, head: list[bytes], request: Request, content: asyncio.Future[Content]
    ) -> None:
        try:
            answer = encode_answer(request, await content)
        except Exception as error:  # noqa: BLE001 - as above
            self._send(head, self._refuse(error, request))
            return
        self._send(head, answer, answered=True)

    def _send(self, head: list[bytes], answer: bytes, *, answered: bool = False) -> None:
        if answered:
            self.counts["answered"] += 1
        try:
            try:
                self._socket.send_multipart([*head, answer], zmq.NOBLOCK)
            except zmq.Again:
                # What a peer has read libzmq looks for once a millisecond, or when it is asked.
                self._has_requests()
                self._socket.send_multipart([*head, answer], zmq.NOBLOCK)
        except zmq.ZMQError:  # it reads nothing, or has gone
            self.counts["unread"] += 1

    def _read(self, peer: bytes, bodies: list[bytes]) -> Request:
        if not self._rates.admit(peer, self._monotonic_s()):
            raise QueryError(TOO_MANY, "this peer asks too often")
        if len(bodies) != 1:
            raise QueryError(MALFORMED, "expected one frame")
        return decode_request(bodies[0])

    def _handler(self, request: Request) -> Handler:
        handler = self._handlers.get(request.name)
        if handler is None:
            expected = f"expected one of {', '.join(sorted(self._handlers))}"
            raise QueryError(UNKNOWN_REQUEST, expected)
        return handler

    def _refuse(self, error: Exception, request: Request | None) -> bytes:
        if not isinstance(error, QueryError):
            self._log.error("query_failed", request=request and request.name, exc_info=error)
            error = QueryError(INTERNAL, "see the daemon's log")
        self.counts[f"refused_{error.code.replace('-', '_')}"] += 1
        return encode_error(error, request)

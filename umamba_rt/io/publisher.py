"""The feed's ZeroMQ end: numbers the messages and sends them to whoever subscribed."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace

import zmq

from umamba_rt.errors import UnavailableError
from umamba_rt.io.peer_guard import PeerGuard
from umamba_rt.wire.message import Envelope, Format, Magnitude, Message, encode

# The highest number of subscription frames read at a send: a subscriber that subscribes in a loop
# must not hold the sender.
_MAX_SUBSCRIPTIONS_READ = 1000
# Subscriptions are prefixes of topics: 512 bytes are plenty, and a peer cannot send more.
_MAX_SUBSCRIPTION_BYTES = 512
# What a subscriber may send: tens of thousands of subscriptions at once, hundreds a second.
_BURST_BYTES, _BYTES_S = 1_000_000, 10_000.0


class Publisher:
    """An XPUB socket with one count of messages; may be used from several threads.

    A subscriber that reads too slowly loses messages at its high-water mark, and sees it by a
    jump of ``seq``; the others lose nothing and the sender never waits.
    """

    def __init__(
        self,
        address: str,
        *,
        form: Format = "json",
        high_water_mark: int = 10000,
        wall_ns: Callable[[], int] = time.time_ns,
        echo_address: str = "",
    ) -> None:
        """Bind.

        Args:
            address: where subscribers connect.
            form: of the bodies.
            high_water_mark: messages kept for each subscriber.
            wall_ns: UTC, ns since 1970.
            echo_address: a second address, for ``Departures``; empty: none.

        Raises:
            UnavailableError: the address cannot be bound.
        """
        self.session = uuid.uuid4().hex
        self._form: Format = form
        self._wall_ns = wall_ns
        self._seq = 0
        self._lock = threading.Lock()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.set(zmq.SNDHWM, high_water_mark)
        self._socket.set(zmq.MAXMSGSIZE, _MAX_SUBSCRIPTION_BYTES)
        self._socket.set(zmq.IPV6, int("[" in address))
        self._socket.set(zmq.LINGER, 500)  # ms: what was sent at the end still leaves
        self._guard = PeerGuard(self._socket, burst_bytes=_BURST_BYTES, bytes_s=_BYTES_S)
        try:
            self._socket.bind(address)
            self.address = self._socket.get_string(zmq.LAST_ENDPOINT)
            if echo_address:
                self._socket.bind(echo_address)
        except zmq.ZMQError as error:
            self.close()
            raise UnavailableError(f"publisher.address {address}", str(error)) from error

    @property
    def sent(self) -> int:
        """Messages sent so far."""
        return self._seq

    @property
    def peers_dropped(self) -> int:
        """Peers hung up on for sending more than subscriptions can be."""
        return self._guard.dropped

    def send(self, message: Message) -> int:
        """Number, encode and send a message; gives its number."""
        with self._lock:
            self._seq += 1
            envelope = Envelope(self.session, self._seq, self._wall_ns())
            body = encode(message, envelope, self._form)
            self._read_subscriptions()
            self._socket.send_multipart([message.topic.encode(), body])
            return self._seq

    def send_magnitude(self, message: Magnitude, arrived_ns: int) -> int:
        """Send an estimate with its processing time filled in.

        Args:
            message: the estimate.
            arrived_ns: when its last sample arrived, by ``time.monotonic_ns``.

        Returns:
            The message's number.
        """
        processing_ms = round((time.monotonic_ns() - arrived_ns) / 1e6, 3)
        latency = replace(message.latency, processing_ms=processing_ms)
        return self.send(replace(message, latency=latency))

    def close(self) -> None:
        """Send what is queued, for half a second at most, and close."""
        with self._lock:
            self._guard.close()
            self._socket.close()
            self._context.term()

    def _read_subscriptions(self) -> None:
        # XPUB hands subscriptions to the application; unread ones would pile up.
        for _ in range(_MAX_SUBSCRIPTIONS_READ):
            try:
                self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return

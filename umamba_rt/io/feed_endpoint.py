"""One address of the feed: an XPUB socket, its format, its topics, and who may connect."""

from __future__ import annotations

import time

import zmq

from umamba_rt.config.endpoints import PublisherConfig
from umamba_rt.errors import UnavailableError
from umamba_rt.io.access import Access
from umamba_rt.io.peer_guard import PeerGuard

# The highest number of subscription frames read at a send: a subscriber that subscribes in a loop
# must not hold the sender.
_MAX_SUBSCRIPTIONS_READ = 1000
# Reading takes as long as sending does. ZeroMQ goes by subscriptions that lie unread, but learns of
# room at a subscriber's mark only now and then without it.
_READ_EVERY_NS, _READS_A_MARK = 100_000_000, 4
# Subscriptions are prefixes of topics: 512 bytes are plenty, and a peer cannot send more.
_MAX_SUBSCRIPTION_BYTES = 512
# What a subscriber may send: three thousand subscriptions of a sensor with CURVE, six without, and
# signs of life, which take 6 bytes a second. A megabyte of subscriptions takes 70 MB to keep, so
# who goes on subscribing is hung up on, and may come back with those that it still wants.
_BURST_BYTES, _BYTES_S = 200_000, 20.0
_LINGER_MS = 500  # what was sent at the end still leaves
# A peer that connects and does not finish its handshake; an honest one takes milliseconds. One that
# is refused waits for so long before it tries again.
_HANDSHAKE_MS = 2000


class FeedEndpoint:
    """A subscriber that reads too slowly loses messages at its high-water mark, the others none.

    Attributes:
        config: what it was made from, or has adopted.
        address: where it is bound.
        format: of its bodies.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        config: PublisherConfig,
        access: Access | None = None,
    ) -> None:
        """Bind.

        Args:
            context: with a ``ZapHandler`` where the configuration asks for CURVE.
            config: what it carries, to whom.
            access: the keys.

        Raises:
            UnavailableError: the address cannot be bound.
            ValueError: it asks for keys, and there are none.
        """
        if config.curve and access is None:
            raise ValueError(f"{config.address} asks for keys")
        self._read_next_ns = self._unread = 0
        self._socket = context.socket(zmq.XPUB)
        self.adopt(config)
        self._socket.set(zmq.MAXMSGSIZE, _MAX_SUBSCRIPTION_BYTES)
        self._socket.set(zmq.IPV6, int("[" in config.address))
        self._socket.set(zmq.LINGER, _LINGER_MS)
        self._socket.set(zmq.HANDSHAKE_IVL, _HANDSHAKE_MS)
        self._guard = PeerGuard(self._socket, burst_bytes=_BURST_BYTES, bytes_s=_BYTES_S)
        try:
            if config.curve and access:
                access.protect(self._socket, self._guard.hang_up)
            self._socket.bind(config.address)
        except zmq.ZMQError as error:
            self.close()
            raise UnavailableError(f"publisher.address {config.address}", str(error)) from error
        self.address = self._socket.get_string(zmq.LAST_ENDPOINT)

    def adopt(self, config: PublisherConfig) -> None:
        """Carry something else at the same address; whoever has connected keeps its mark."""
        self.config = config
        self.format = config.format
        self._topics = config.topics or ("",)
        self._socket.set(zmq.SNDHWM, config.high_water_mark)
        self._most_unread = config.high_water_mark / _READS_A_MARK

    @property
    def peers_dropped(self) -> int:
        """Peers hung up on for sending more than subscriptions can be."""
        return self._guard.dropped

    def carries(self, topic: str) -> bool:
        """Whether a topic is one of this address's."""
        return topic.startswith(self._topics)

    def send(self, topic: bytes, body: bytes) -> None:
        """Send to whoever subscribed; never waits."""
        self._socket.send_multipart([topic, body])

    def close(self) -> None:
        """Close; what was sent leaves while the context ends."""
        self._guard.close()
        self._socket.close()

    def read_subscriptions(self) -> None:
        """Take note of who wants what; to be called at each message, whatever its topic.

        XPUB hands subscriptions to the application, and unread ones would pile up.
        """
        self._unread += 1
        now_ns = time.monotonic_ns()
        if now_ns < self._read_next_ns and self._unread < self._most_unread:
            return
        self._read_next_ns, self._unread = now_ns + _READ_EVERY_NS, 0
        for _ in range(_MAX_SUBSCRIPTIONS_READ):
            try:
                self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return

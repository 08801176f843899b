"""The feed's ZeroMQ end: numbers the messages and sends them to whoever subscribed."""

from __future__ import annotations

import struct
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TypeAlias

import zmq

from umamba_rt.config.endpoints import PublisherConfig
from umamba_rt.io.access import Access
from umamba_rt.io.feed_endpoint import FeedEndpoint
from umamba_rt.io.zap import ZapHandler
from umamba_rt.wire.envelope import Format, Message, Numbering, encode
from umamba_rt.wire.message import Magnitude

# Gets a message's topic, seq, topic_seq and body in JSON.
Tap: TypeAlias = Callable[[str, int, int, bytes], None]
NUMBER = struct.Struct("<Q")  # what the echo carries


class Publisher:
    """All endpoints of the feed with one count of messages; may be used from several threads.

    A subscriber that reads too slowly loses messages at its high-water mark, and sees it by a
    jump of ``seq``; the others lose nothing and the sender never waits.
    """

    def __init__(
        self,
        *endpoints: PublisherConfig | str,
        access: Access | None = None,
        wall_ns: Callable[[], int] = time.time_ns,
        echo_address: str = "",
    ) -> None:
        """Bind.

        Args:
            endpoints: where subscribers connect, what each address carries, to whom; a text is an
                address with the defaults.
            access: the keys of the addresses that ask for CURVE; without them such an address
                is refused.
            wall_ns: UTC, ns since 1970.
            echo_address: for ``Departures``; empty: none.

        Raises:
            UnavailableError: an address cannot be bound.
            ValueError: one asks for keys, and there are none.
        """
        self._numbering = Numbering(uuid.uuid4().hex)
        self._wall_ns = wall_ns
        self._access = access
        self._dropped_before = 0
        self._tap: Tap | None = None
        self._lock = threading.Lock()
        # One thread of ZeroMQ's for all sockets: the echo below stands for all of them.
        self._context = zmq.Context(io_threads=1)
        self._endpoints: list[FeedEndpoint] = []
        self._echo: zmq.Socket[bytes] | None = None
        try:
            if access is not None:
                ZapHandler(self._context, access)
            for one in endpoints:
                config = PublisherConfig(address=one) if isinstance(one, str) else one
                self._endpoints.append(FeedEndpoint(self._context, config, access))
            if echo_address:
                self._echo = self._context.socket(zmq.PUB)
                self._echo.set(zmq.LINGER, 0)
                self._echo.bind(echo_address)
        except BaseException:
            self.close()
            raise

    @property
    def session(self) -> str:
        """This run's name in its messages."""
        return self._numbering.session

    @property
    def address(self) -> str:
        """Where the first endpoint is bound."""
        return self._endpoints[0].address

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where each endpoint is bound."""
        return tuple(one.address for one in self._endpoints)

    @property
    def sent(self) -> int:
        """Messages sent so far."""
        return self._numbering.seq

    @property
    def peers_dropped(self) -> int:
        """Peers hung up on for sending more than subscriptions can be."""
        return self._dropped_before + sum(one.peers_dropped for one in self._endpoints)

    def bind_new(self, configs: Sequence[PublisherConfig]) -> list[FeedEndpoint]:
        """Bind the addresses that are new; nothing is sent there before ``adopt``.

        Raises:
            UnavailableError: one cannot be bound; then none is.
        """
        bound = {endpoint.config.address for endpoint in self._endpoints}
        begun: list[FeedEndpoint] = []
        with ExitStack() as undone:
            for config in configs:
                if config.address not in bound:
                    endpoint = FeedEndpoint(self._context, config, self._access)
                    undone.callback(endpoint.close)
                    begun.append(endpoint)
            undone.pop_all()
        return begun

    def adopt(self, configs: Sequence[PublisherConfig], begun: Sequence[FeedEndpoint]) -> None:
        """Send to these addresses from the next message on, and close those that are gone.

        Args:
            configs: all addresses.
            begun: those of them that are new, as ``bind_new`` gave them.
        """
        with self._lock:
            known = {one.config.address: one for one in [*self._endpoints, *begun]}
            self._endpoints = [known.pop(config.address) for config in configs]
            for endpoint, config in zip(self._endpoints, configs, strict=True):
                endpoint.adopt(config)
            for endpoint in known.values():
                self._dropped_before += endpoint.peers_dropped
                endpoint.close()

    def tap(self, on_message: Tap) -> None:
        """Hand each further message to one more taker, just before it is sent.

        It is called under the publisher's lock: with each message once, in the order of ``seq``,
        from the thread that sends. It must be quick and must not raise.
        """
        with self._lock:
            self._tap = on_message

    def send(self, message: Message, *, echoes: bool = False) -> int:
        """Number, encode and send a message.

        Args:
            message: to all who subscribed to its topic.
            echoes: say at the echo's address when it has left.

        Returns:
            The message's number.
        """
        topic = message.topic
        with self._lock:
            envelope = self._numbering.next(topic, self._wall_ns())
            bodies: dict[Format, bytes] = {}
            if self._tap is not None:
                bodies["json"] = encode(message, envelope)
                self._tap(topic, envelope.seq, envelope.topic_seq, bodies["json"])
            for endpoint in self._endpoints:
                endpoint.read_subscriptions()
                if not endpoint.carries(topic):
                    continue
                form = endpoint.format
                if form not in bodies:
                    bodies[form] = encode(message, envelope, form)
                endpoint.send(topic.encode(), bodies[form])
            # Last: what it says has been handed to all others.
            if echoes and self._echo is not None:
                self._echo.send(NUMBER.pack(envelope.seq))
            return envelope.seq

    def send_magnitude(self, message: Magnitude, arrived_ns: int) -> int:
        """Send an estimate with its processing time filled in; the ledger waits for its echo.

        Args:
            message: the estimate.
            arrived_ns: when its last sample arrived, by ``time.monotonic_ns``.

        Returns:
            The message's number.
        """
        processing_ms = round((time.monotonic_ns() - arrived_ns) / 1e6, 3)
        latency = replace(message.latency, processing_ms=processing_ms)
        return self.send(replace(message, latency=latency), echoes=True)

    def close(self) -> None:
        """Send what is queued, for half a second at most, and close."""
        with self._lock:
            for endpoint in self._endpoints:
                endpoint.close()
            if self._echo is not None:
                self._echo.close()
            self._context.term()

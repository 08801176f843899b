"""Connections that say nothing, at the feed and at the query endpoint: they end, others do not."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.endpoints import answering, wait_until
from tests.io.test_publisher import BEAT
from umamba_rt.feed import Subscriber
from umamba_rt.io.publisher import Publisher
from umamba_rt.io.query import QueryEndpoint
from umamba_rt.query import QueryClient

SILENT = 200
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def silent_peers(address: str, said: bytes) -> Iterator[list[socket.socket]]:
    place = ("127.0.0.1", int(address.rpartition(":")[2]))
    with ExitStack() as stack:
        peers = [stack.enter_context(socket.create_connection(place)) for _ in range(SILENT)]
        for peer in peers:
            peer.sendall(said)
        yield peers


def ended(peer: socket.socket) -> bool:
    """Whether the other side has hung up."""
    peer.setblocking(False)
    try:
        while peer.recv(4096):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    return True


@pytest.mark.parametrize("said", [b"", GREETING[:12], GREETING])
def test_queries_are_answered_beside_half_open_handshakes_which_end(said: bytes) -> None:
    handlers = {"one": lambda _: {"value": 1}}
    with answering(QueryEndpoint("tcp://127.0.0.1:*", handlers)) as endpoint:
        with QueryClient(endpoint.address) as honest:
            assert honest.ask("one")["value"] == 1
            before = descriptors()
            with silent_peers(endpoint.address, said) as peers:
                assert descriptors() >= before + SILENT
                with QueryClient(endpoint.address) as late:
                    assert late.ask("one")["value"] == 1
                wait_until(lambda: all(map(ended, peers)))
                # Ours are still open; those of the endpoint, two a connection, are not. What else
                # the process opens meanwhile is few.
                wait_until(lambda: descriptors() <= before + SILENT + SILENT // 10)
                assert honest.ask("one")["value"] == 1
        assert endpoint.peers_dropped == 0


@pytest.mark.parametrize("said", [b"", GREETING[:12], GREETING])
def test_feed_is_heard_beside_half_open_handshakes_which_end(said: bytes) -> None:
    publisher = Publisher("tcp://127.0.0.1:*")
    try:
        with Subscriber(publisher.address, timeout_s=0.05, query_address="") as feed:
            while feed.receive() is None:
                publisher.send(BEAT)
            before = descriptors()
            with silent_peers(publisher.address, said) as peers:
                ends_s, heard, open_ones = time.monotonic() + 10, 0, peers
                while (heard < 20 or open_ones) and time.monotonic() < ends_s:
                    publisher.send(BEAT)
                    heard += feed.receive() is not None
                    open_ones = [peer for peer in open_ones if not ended(peer)]
                assert open_ones == []
                assert heard >= 20
                wait_until(lambda: descriptors() <= before + SILENT)
    finally:
        publisher.close()

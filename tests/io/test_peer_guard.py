"""io/peer_guard.py: peers that send without end, on real sockets, and honest ones beside them."""

from __future__ import annotations

import resource
import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import pytest
import zmq
from structlog.testing import capture_logs

from tests.endpoints import answering, wait_until
from tests.io.test_publisher import BEAT
from umamba_rt.feed import Subscriber
from umamba_rt.io.peer_guard import PeerGuard, handle_on_peer
from umamba_rt.io.publisher import Publisher
from umamba_rt.io.query import QueryEndpoint
from umamba_rt.query import QueryClient


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def greeted(address: str, kind: bytes) -> socket.socket:
    """A raw connection behind ZMTP's greeting, as a peer of this kind.

    Source: ZMTP 3.0, https://rfc.zeromq.org/spec/23: greeting, NULL mechanism, READY.
    """
    raw = socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))
    raw.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32))
    ready = b"\x05READY\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind
    raw.sendall(b"\x04" + bytes([len(ready)]) + ready)
    raw.recv(64, socket.MSG_WAITALL)
    length = raw.recv(2, socket.MSG_WAITALL)[1]
    raw.recv(length, socket.MSG_WAITALL)
    return raw


def pour(raw: socket.socket, frame: bytes) -> bool:
    """Send frames until hung up on; False where that did not come within twenty seconds."""
    ends_s = time.monotonic() + 20
    chunk = frame * max(1, 50_000 // len(frame))
    left = b""
    raw.setblocking(False)
    try:
        while time.monotonic() < ends_s:
            readable, writable, _ = select.select([raw], [raw], [], 0.1)
            if readable and not raw.recv(4096):
                return True
            if writable:
                left = left or chunk
                left = left[raw.send(left) :]
    except ConnectionError:
        return True
    finally:
        raw.close()
    return False


def peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def endpoint() -> AbstractContextManager[QueryEndpoint]:
    return answering(QueryEndpoint("tcp://127.0.0.1:*", {"one": lambda _: {"value": 1}}))


MORE = b"\x03" + struct.pack(">Q", 60_000) + bytes(60_000)  # a frame that says: more follow
SMALL_MORE = b"\x01\xfa" + b"x" * 250


def test_message_without_end_is_cut_off_and_others_are_answered() -> None:
    with capture_logs() as log, endpoint() as served, QueryClient(served.address) as honest:
        assert honest.ask("one")["value"] == 1
        before_kb = peak_kb()
        assert pour(greeted(served.address, b"DEALER"), MORE)
        assert honest.ask("one")["value"] == 1
        # 700 MB/s come over loopback; without a guard the whole of it stays.
        assert peak_kb() - before_kb < 300_000
        assert served.peers_dropped == 1
    (told,) = [one for one in log if one["event"] == "peer_dropped"]
    assert told["peer"] == "127.0.0.1"
    assert told["bytes"] > 1_000_000


def test_subscriber_that_sends_without_end_is_cut_off_and_others_hear_all() -> None:
    publisher = Publisher("tcp://127.0.0.1:*")
    with Subscriber(publisher.address, timeout_s=10) as honest:
        while (first := _sent_and_received(publisher, honest)) is None:
            pass
        before_kb = peak_kb()
        assert pour(greeted(publisher.address, b"SUB"), SMALL_MORE)
        assert peak_kb() - before_kb < 300_000
        assert publisher.peers_dropped == 1
        seq = publisher.send(BEAT)
        while (message := honest.receive()) is not None and message.body["seq"] < seq:
            pass
        assert message is not None
        assert honest.missed == 0
        assert first < seq
    publisher.close()


def _sent_and_received(publisher: Publisher, feed: Subscriber) -> int | None:
    publisher.send(BEAT)
    feed._socket.set(zmq.RCVTIMEO, 100)
    message = feed.receive()
    feed._socket.set(zmq.RCVTIMEO, 10_000)
    return None if message is None else int(message.body["seq"])


def test_peer_within_its_allowance_stays_and_leaving_ones_are_forgotten() -> None:
    context = zmq.Context()
    guarded = context.socket(zmq.ROUTER)
    guard = PeerGuard(guarded, burst_bytes=200_000, bytes_s=0)
    port = guarded.bind_to_random_port("tcp://127.0.0.1")
    peers = [context.socket(zmq.DEALER) for _ in range(5)]
    for peer in peers:
        peer.connect(f"tcp://127.0.0.1:{port}")
        peer.send(b"x" * 100_000)
    for _ in peers:
        guarded.recv_multipart()
    wait_until(lambda: len(guard._peers) == 5)
    for peer in peers:
        peer.close(linger=0)
    wait_until(lambda: not guard._peers)
    assert guard.dropped == 0
    guard.close()
    guarded.close(linger=0)
    context.term()


@pytest.mark.parametrize("address", ["ipc://{tmp}/guarded", "inproc://guarded"])
def test_what_is_no_tcp_is_left_alone(
    address: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    where = address.format(tmp=tmp_path_factory.mktemp("guard"))
    context = zmq.Context()
    guarded = context.socket(zmq.ROUTER)
    guard = PeerGuard(guarded, burst_bytes=10, bytes_s=0)
    guarded.bind(where)
    peer = context.socket(zmq.DEALER)
    peer.connect(where)
    for _ in range(3):
        peer.send(b"x" * 1000)
        assert guarded.recv_multipart()[1] == b"x" * 1000
    assert guard.dropped == 0
    guard.close()
    peer.close(linger=0)
    guarded.close(linger=0)
    context.term()


def test_closing_waits_for_nothing() -> None:
    context = zmq.Context()
    guarded = context.socket(zmq.ROUTER)
    guard = PeerGuard(guarded, burst_bytes=10, bytes_s=0)
    guarded.bind("tcp://127.0.0.1:*")
    began_s = time.monotonic()
    guard.close()
    guarded.close(linger=0)
    context.term()
    assert time.monotonic() - began_s < 0.5


def test_peers_beyond_the_most_are_hung_up_on_and_the_first_ones_stay() -> None:
    context = zmq.Context()
    guarded = context.socket(zmq.ROUTER)
    with capture_logs() as log:
        guard = PeerGuard(guarded, burst_bytes=200_000, bytes_s=0, max_peers=3)
        address = f"tcp://127.0.0.1:{guarded.bind_to_random_port('tcp://127.0.0.1')}"
        stay = [greeted(address, b"DEALER") for _ in range(3)]
        go = [socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))]
        with suppress(ConnectionError):
            while go[0].recv(4096):
                pass
        wait_until(lambda: guard.dropped == 1)
        stay[0].sendall(b"\x00\x02hi")
        assert guarded.recv_multipart()[1] == b"hi"
        stay.pop().close()
        wait_until(lambda: len(guard._peers) == 2)
        stay.append(greeted(address, b"DEALER"))
        stay[-1].sendall(b"\x00\x02ho")
        assert guarded.recv_multipart()[1] == b"ho"
        guard.close()
    (told,) = [one for one in log if one["event"] == "peer_dropped"]
    assert told["reason"] == "too_many_peers"
    for peer in (*stay, *go):
        peer.close()
    guarded.close(linger=0)
    context.term()


def test_peer_that_takes_nothing_of_what_waits_is_hung_up_on_and_a_slow_one_is_not() -> None:
    context = zmq.Context()
    guarded = context.socket(zmq.ROUTER)
    guarded.set(zmq.SNDBUF, 16_384)
    with capture_logs() as log:
        guard = PeerGuard(guarded, burst_bytes=200_000, bytes_s=0, unread_s=1.0)
        address = f"tcp://127.0.0.1:{guarded.bind_to_random_port('tcp://127.0.0.1')}"
        mute, slow, idle = (greeted(address, b"DEALER") for _ in range(3))
        answer = bytes(8_000_000)  # more than the kernel takes on both sides
        for peer in (mute, slow):
            peer.sendall(b"\x00\x02hi")
            guarded.send_multipart([guarded.recv_multipart()[0], answer])
        taken = 0

        def one_goes_while_the_other_takes() -> bool:
            nonlocal taken
            taken += len(slow.recv(20_000))
            return guard.dropped == 1

        wait_until(one_goes_while_the_other_takes)
        assert 0 < taken < len(answer)
        with suppress(ConnectionError):  # the reset
            while mute.recv(1_000_000):
                pass
        while taken < len(answer):
            taken += len(slow.recv(1_000_000))
        idle.sendall(b"\x00\x02ho")
        assert guarded.recv_multipart()[1] == b"ho"
        guard.close()
    assert [one["reason"] for one in log if one["event"] == "peer_dropped"] == ["reads_nothing"]
    for peer in (mute, slow, idle):
        peer.close()
    guarded.close(linger=0)
    context.term()


def test_all_peers_are_hung_up_on_when_asked_and_may_come_back() -> None:
    context = zmq.Context()
    guarded = context.socket(zmq.ROUTER)
    guard = PeerGuard(guarded, burst_bytes=200_000, bytes_s=0)
    address = f"tcp://127.0.0.1:{guarded.bind_to_random_port('tcp://127.0.0.1')}"
    peers = [greeted(address, b"DEALER") for _ in range(5)]
    guard.hang_up()
    for peer in peers:
        peer.settimeout(5)
        with suppress(ConnectionError):
            assert peer.recv(4096) == b""
        peer.close()
    again = greeted(address, b"DEALER")
    again.sendall(b"\x00\x02hi")
    assert guarded.recv_multipart()[1] == b"hi"
    assert guard.dropped == 0
    again.close()
    guard.close()
    guarded.close(linger=0)
    context.term()


@contextmanager
def accepted(listener: socket.socket) -> Iterator[socket.socket]:
    """Our side of a connection to it."""
    with socket.socket(listener.family) as peer:
        peer.connect(listener.getsockname())
        with listener.accept()[0] as ours:
            yield ours


@pytest.mark.parametrize("name", ["tcp", "ipc", "abstract"])
def test_a_number_is_a_peers_only_where_it_was_accepted_there(tmp_path: Path, name: str) -> None:
    """libzmq tells of a connection later than it has it: the number may be another file's."""
    with ExitStack() as stack:
        if name == "tcp":
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            endpoint = f"tcp://*:{listener.getsockname()[1]}"
        else:
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            path = str(tmp_path / "feed") if name == "ipc" else f"@{tmp_path}"
            listener.bind(path.replace("@", "\0"))
            listener.listen()
            endpoint = f"ipc://{path}"
        ours = stack.enter_context(accepted(listener))
        handle = handle_on_peer(ours.fileno(), endpoint)
        assert handle is not None
        assert handle.getpeername() == ours.getpeername()
        handle.close()
        elsewhere = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        others: list[socket.socket | BinaryIO] = [
            stack.enter_context((tmp_path / "file").open("wb")),
            stack.enter_context(accepted(elsewhere)),
            stack.enter_context(socket.socket(socket.AF_UNIX)),
            stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
        ]
        before = descriptors()
        assert [handle_on_peer(other.fileno(), endpoint) for other in others] == [None] * 4
        assert handle_on_peer(999_999, endpoint) is None
        assert descriptors() == before

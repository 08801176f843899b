"""Peers that talk nonsense to the feed, with and without CURVE, while a subscriber hears all."""

from __future__ import annotations

import os
import random
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import zmq

from tests.endpoints import wait_until
from tests.io.test_publisher import BEAT
from umamba_rt.config.endpoints import PublisherConfig
from umamba_rt.curve import ClientKeys, key_pair, public_key, secure, write_key_pair
from umamba_rt.io.access import Access
from umamba_rt.io.publisher import Publisher

# A longer run: FUZZ_PEERS=20000 python -m pytest tests/fuzz/test_fuzz_feed.py
PEERS = int(os.environ.get("FUZZ_PEERS", "600"))
AT_A_TIME = 40
NULL, CURVE = b"NULL", b"CURVE"


def greeting(mechanism: bytes) -> bytes:
    """ZMTP 3.1's greeting. Source: https://rfc.zeromq.org/spec/37."""
    return b"\xff" + bytes(8) + b"\x7f\x03\x01" + mechanism.ljust(20, b"\0") + bytes(32)


def command(name: bytes, content: bytes) -> bytes:
    body = bytes([len(name)]) + name + content
    if len(body) < 256:
        return b"\x04" + bytes([len(body)]) + body
    return b"\x06" + struct.pack(">Q", len(body)) + body


def ready() -> bytes:
    kind = b"SUB"
    return command(b"READY", b"\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind)


def frame(draw: random.Random) -> bytes:
    """A subscription, or something that looks like a frame."""
    size = draw.choice([0, 1, 5, 60, 250, 600, 5000])
    content = draw.choice([b"\x01", b"\x00", b"\x02", b""]) + draw.randbytes(size)
    flags = draw.choice([0, 0, 0, 1, 4, 5, 7, 0xF8])
    if len(content) < 256:
        return bytes([flags & ~2, len(content)]) + content
    claimed = draw.choice([len(content), len(content), 2**62, 2**63 + 5])
    return bytes([flags | 2]) + struct.pack(">Q", claimed) + content


def nonsense(draw: random.Random) -> bytes:
    """What a peer sends: noise, or a conversation that goes wrong somewhere."""
    mechanism = draw.choice([NULL, CURVE, b"PLAIN", draw.randbytes(20)])
    said = greeting(mechanism)
    match draw.randrange(5):
        case 0:
            return draw.randbytes(draw.randrange(1, 3000))
        case 1:
            said += ready() + b"".join(frame(draw) for _ in range(draw.randrange(1, 60)))
        case 2:
            said += command(b"HELLO", draw.randbytes(draw.choice([194, 10, 193, 800])))
            said += command(b"INITIATE", draw.randbytes(draw.choice([257, 248, 9, 5000])))
        case 3:
            said += command(draw.randbytes(draw.randrange(1, 40)), draw.randbytes(300))
        case _:
            said += ready() + command(b"SUBSCRIBE", draw.randbytes(draw.randrange(600)))
            said += command(b"PING", draw.randbytes(draw.randrange(80))) + frame(draw)
    changed = bytearray(said)
    for _ in range(draw.choice([0, 0, 1, 3])):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed[: draw.choice([len(changed), len(changed), draw.randrange(len(changed))])])


def rss_kb() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def feed_and_reader(folder: Path, *, curve: bool) -> Iterator[tuple[Publisher, Callable[[], bool]]]:
    """A feed, and whether a further message of it reaches its subscriber."""
    for name in ("server", "client"):
        write_key_pair(folder / name)
    (folder / "clients").write_text(public_key(folder / "client"), encoding="ascii")
    access = Access(str(folder / "server"), str(folder / "clients")) if curve else None
    publisher = Publisher(PublisherConfig("tcp://127.0.0.1:*", curve=curve), access=access)
    context = zmq.Context()
    reader = context.socket(zmq.SUB)
    own = ClientKeys(public_key(folder / "server"), key_pair(folder / "client"))
    secure(reader, own if curve else None)
    reader.set(zmq.SUBSCRIBE, b"heartbeat")
    reader.connect(publisher.address)
    while not reader.poll(10):
        publisher.send(BEAT)
    while reader.poll(200):
        reader.recv_multipart()

    def hears() -> bool:
        publisher.send(BEAT)
        return bool(reader.poll(5000)) and bool(reader.recv_multipart())

    try:
        yield publisher, hears
    finally:
        context.destroy(linger=0)
        publisher.close()


def pester(address: str, draws: list[random.Random]) -> None:
    """So many peers at once, each with its nonsense; then they leave, politely or not.

    A third of them stay until the daemon has read what they said, or hung up.
    """
    place = ("127.0.0.1", int(address.rpartition(":")[2]))
    peers = [socket.create_connection(place) for _ in draws]
    for peer, draw in zip(peers, draws, strict=True):
        peer.setblocking(False)
        with suppress(OSError):
            peer.sendall(nonsense(draw))
        if draw.random() < 0.3:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for peer, draw in zip(peers, draws, strict=True):
        if draw.random() < 0.3:
            peer.settimeout(0.02)
            with suppress(OSError):
                peer.recv(4096)
        peer.close()


@pytest.mark.parametrize("curve", [False, True])
def test_nonsense_costs_the_subscriber_no_message_and_leaves_nothing(
    tmp_path: Path, curve: bool
) -> None:
    draws = [random.Random(number) for number in range(PEERS)]
    with feed_and_reader(tmp_path, curve=curve) as (publisher, hears):
        open_before = descriptors()
        for _ in range(3):  # what is kept for later peers
            pester(publisher.address, draws[:AT_A_TIME])
            assert hears()
        before_kb = rss_kb()
        for begin in range(0, PEERS, AT_A_TIME):
            pester(publisher.address, draws[begin : begin + AT_A_TIME])
            assert hears()
        wait_until(lambda: hears() and descriptors() <= open_before)
        print(f"{PEERS} peers, curve {curve}: {rss_kb() - before_kb} kB more")
        assert rss_kb() - before_kb < 20_000

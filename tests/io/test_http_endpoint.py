"""io/http_endpoint.py: real sockets, and peers that want it large or slow."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from umamba_rt.errors import UnavailableError
from umamba_rt.io import http_endpoint
from umamba_rt.io.http_endpoint import MAX_CONNECTIONS, HttpEndpoint

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


def application(request: WSGIEnvironment, start: StartResponse) -> list[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return [request["PATH_INFO"].encode()]


@contextmanager
def running(address: str = "127.0.0.1:0") -> Iterator[HttpEndpoint]:
    endpoint = HttpEndpoint(address, application, key="metrics.address")
    endpoint.start()
    try:
        yield endpoint
    finally:
        endpoint.close()


def connect(endpoint: HttpEndpoint) -> socket.socket:
    host, _, port = endpoint.address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=20)


def get(endpoint: HttpEndpoint, path: str) -> bytes:
    with urlopen(f"http://{endpoint.address}{path}", timeout=20) as answer:
        content: bytes = answer.read()
        return content


def threads() -> int:
    return sum("process_request" in thread.name for thread in threading.enumerate())


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", "localhost:0"])
def test_answers_at_its_address(address: str) -> None:
    with running(address) as endpoint:
        assert get(endpoint, "/a") == b"/a"


def test_address_in_use_is_named() -> None:
    with running() as endpoint:
        with pytest.raises(UnavailableError) as caught:
            HttpEndpoint(endpoint.address, application, key="metrics.address")
        assert str(caught.value) == f"metrics.address {endpoint.address}: Address already in use"


def test_port_that_is_none_is_named() -> None:
    with pytest.raises(UnavailableError, match=r"metrics\.address 127\.0\.0\.1:99999"):
        HttpEndpoint("127.0.0.1:99999", application, key="metrics.address")


def test_peers_that_never_end_their_request_keep_nobody_out() -> None:
    with running() as endpoint, ExitStack() as open_sockets:
        slow = []
        for _ in range(5 * MAX_CONNECTIONS):
            peer = open_sockets.enter_context(connect(endpoint))
            peer.sendall(b"GET / HTTP/1.1\r\nX: ")
            slow.append(peer)
        assert get(endpoint, "/metrics") == b"/metrics"
        assert threads() <= MAX_CONNECTIONS + 1
        assert slow[0].recv(1) == b""  # the oldest was hung up on


@pytest.mark.parametrize("more", [b"x" * 4096, b"X: " + b"x" * 900 + b"\r\n"])
def test_request_without_end_is_read_up_to_a_limit(more: bytes) -> None:
    with running() as endpoint, connect(endpoint) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nX: ")
        try:
            for _ in range(1000):
                peer.sendall(more)
            answer = peer.recv(1000)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
        assert answer == b"" or answer.startswith((b"HTTP/1.0 ", b"HTTP/1.1 "))
        assert get(endpoint, "/a") == b"/a"


def test_silent_peer_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_endpoint._Handler, "timeout", 0.1)
    with running() as endpoint, connect(endpoint) as peer:
        assert peer.recv(1) == b""


@pytest.mark.parametrize(
    "garbage", [b"\x00" * 100 + b"\n\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\xff\r\n\r\n"]
)
def test_garbage_is_refused_without_a_word_on_standard_error(
    garbage: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with running() as endpoint:
        with connect(endpoint) as peer:
            peer.sendall(garbage)
            while peer.recv(1000):
                pass
        assert get(endpoint, "/a") == b"/a"
    assert capfd.readouterr().err == ""


def test_closing_ends_all_threads_though_a_peer_holds_on() -> None:
    with running() as endpoint:
        peer = connect(endpoint)
        peer.sendall(b"GET ")
        get(endpoint, "/a")
    with peer:
        assert peer.recv(1) == b""
    ends_s = time.monotonic() + 10
    while threads():
        assert time.monotonic() < ends_s
        time.sleep(0.01)


def test_close_waits_for_no_answer() -> None:
    """Eight answers that do not come, and a ninth peer that waits for room."""
    answering = threading.Event()

    def never(request: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        answering.wait(60)
        return application(request, start)

    endpoint = HttpEndpoint("127.0.0.1:0", never, key="metrics.address")
    endpoint.start()
    with ExitStack() as open_sockets:
        for _ in range(MAX_CONNECTIONS + 1):
            peer = open_sockets.enter_context(connect(endpoint))
            peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        ends_s = time.monotonic() + 20
        while threads() < MAX_CONNECTIONS:
            assert time.monotonic() < ends_s
            time.sleep(0.01)
        begun_s = time.monotonic()
        endpoint.close()
        took_s = time.monotonic() - begun_s
        answering.set()
    assert took_s < 3


def test_close_before_start_frees_the_address() -> None:
    endpoint = HttpEndpoint("127.0.0.1:0", application, key="metrics.address")
    address = endpoint.address
    endpoint.close()
    with running(address) as again:
        assert get(again, "/b") == b"/b"

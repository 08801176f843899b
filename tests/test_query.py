"""query.py: the client, against the endpoint and against peers that are none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import zmq

from tests.endpoints import answering
from tests.support import free_port
from umamba_rt.io.query import Handler, QueryEndpoint
from umamba_rt.query import QueryClient, QueryFailedError
from umamba_rt.wire.query import Request


def pages(request: Request) -> dict[str, object]:
    names = [f"S{number}" for number in range(7)]
    left = [name for name in names if name > request.text("after")][:3]
    rows = [{"name": name} for name in left]
    return {"stations": rows, "next": left[-1] if left and left[-1] != names[-1] else None}


@contextmanager
def endpoint(**handlers: Handler) -> Iterator[str]:
    """An endpoint with its event loop in a thread."""
    with answering(QueryEndpoint("tcp://127.0.0.1:*", handlers)) as made:
        yield made.address


def test_answer_comes_with_the_question_s_own_mark() -> None:
    with endpoint(one=lambda _: {"value": 1}) as address, QueryClient(address) as daemon:
        assert daemon.ask("one")["value"] == 1
        assert daemon.ask("one")["id"] != daemon.ask("one")["id"]


def test_refusal_is_an_error_with_its_code() -> None:
    with endpoint(one=lambda _: {}) as address, QueryClient(address) as daemon:
        with pytest.raises(QueryFailedError, match="unknown-request: expected one of one") as found:
            daemon.ask("two")
        assert found.value.code == "unknown-request"


def test_stations_are_asked_for_page_by_page() -> None:
    with endpoint(stations=pages) as address, QueryClient(address) as daemon:
        assert daemon.stations() == [{"name": f"S{number}"} for number in range(7)]


def test_nobody_at_the_address_is_a_timeout() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with QueryClient(address, timeout_s=0.2) as daemon, pytest.raises(TimeoutError):
        daemon.ask("stations")


def test_address_that_is_none_is_an_error() -> None:
    with pytest.raises(zmq.ZMQError):
        QueryClient("bogus")


@pytest.mark.parametrize("answer", [b"[1]", b'{"schema":"other/1"}', b"nonsense", b"\xff"])
def test_answer_of_something_else_is_an_error(answer: bytes) -> None:
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    router.set(zmq.LINGER, 0)
    port = router.bind_to_random_port("tcp://127.0.0.1")

    def reply() -> None:
        peer, _ = router.recv_multipart()
        router.send_multipart([peer, answer])

    thread = threading.Thread(target=reply)
    thread.start()
    with QueryClient(f"tcp://127.0.0.1:{port}") as daemon, pytest.raises(ValueError):  # noqa: PT011
        daemon.ask("stations")
    thread.join()
    router.close()
    context.term()


def test_late_answer_to_an_earlier_question_is_passed_over() -> None:
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    router.set(zmq.LINGER, 0)
    port = router.bind_to_random_port("tcp://127.0.0.1")

    def reply() -> None:
        peer, body = router.recv_multipart()
        for mark in ("an earlier one", json.loads(body)["id"]):
            answer = {"schema": "umamba-rt/query/1", "id": mark, "value": mark}
            router.send_multipart([peer, json.dumps(answer).encode()])

    thread = threading.Thread(target=reply)
    thread.start()
    with QueryClient(f"tcp://127.0.0.1:{port}") as daemon:
        answer = daemon.ask("one")
    assert answer["value"] == answer["id"] != "an earlier one"
    thread.join()
    router.close()
    context.term()

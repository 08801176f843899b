"""io/query.py over real sockets: answers, refusals, floods, and peers that do not read."""

from __future__ import annotations

import asyncio
import json
import random
import resource
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import zmq
import zmq.asyncio
from structlog.testing import capture_logs

from umamba_rt.errors import UnavailableError
from umamba_rt.io.query import Handler, QueryEndpoint
from umamba_rt.wire.query import BAD_ARGUMENT, ERROR_CODES, QueryError, Request

BIG = "x" * 150_000


def echo(request: Request) -> Mapping[str, object]:
    return {"text": request.text("text")}


def big(request: Request) -> Mapping[str, object]:
    request.require_only()
    return {"text": BIG}


def broken(_request: Request) -> Mapping[str, object]:
    raise RuntimeError("our bug")


def picky(_request: Request) -> Mapping[str, object]:
    raise QueryError(BAD_ARGUMENT, "nothing suits")


HANDLERS: dict[str, Handler] = {"echo": echo, "big": big, "broken": broken, "picky": picky}


@asynccontextmanager
async def serving(
    address: str = "tcp://127.0.0.1:*", requests_hz: float = 1e6
) -> AsyncIterator[QueryEndpoint]:
    endpoint = QueryEndpoint(address, HANDLERS, requests_hz=requests_hz)
    task = asyncio.create_task(endpoint.serve())
    try:
        yield endpoint
        assert not task.done(), "the endpoint ended by itself"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        endpoint.close()


@asynccontextmanager
async def client(
    endpoint: QueryEndpoint, kind: int = zmq.DEALER, **options: int
) -> AsyncIterator[zmq.asyncio.Socket]:
    context = zmq.asyncio.Context()
    socket = context.socket(kind)
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.IPV6, int("[" in endpoint.address))
    for name, value in options.items():
        socket.set(getattr(zmq, name), value)
    socket.connect(endpoint.address)
    try:
        yield socket
    finally:
        socket.close()
        context.term()


async def ask(socket: zmq.asyncio.Socket, body: bytes, timeout_s: float = 10.0) -> Any:
    await socket.send(body)
    return json.loads(await asyncio.wait_for(socket.recv(), timeout_s))


def code_of(answer: dict[str, Any]) -> str:
    return str(answer["error"]["code"])


@pytest.mark.parametrize("kind", [zmq.DEALER, zmq.REQ])
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:*", "ipc://{tmp}/query", "tcp://[::1]:*"])
def test_request_is_answered(kind: int, address: str, tmp_path_factory: Any) -> None:
    where = address.format(tmp=tmp_path_factory.mktemp("q"))

    async def run() -> tuple[Any, Any]:
        async with serving(where) as endpoint, client(endpoint, kind) as socket:
            first = await ask(socket, b'{"request":"echo","id":"1","text":"hello"}')
            return first, await ask(socket, b'{"request":"echo","text":"again"}')

    first, again = asyncio.run(run())
    head = {"schema": "umamba-rt/query/1", "request": "echo"}
    assert first == {**head, "id": "1", "text": "hello"}
    assert again == {**head, "id": None, "text": "again"}


@pytest.mark.parametrize(
    ("body", "code", "counted"),
    [
        (b"nonsense", "malformed", "refused_malformed"),
        (b'{"request":"nope"}', "unknown-request", "refused_unknown_request"),
        (b'{"request":"echo","text":7}', "bad-argument", "refused_bad_argument"),
        (b'{"request":"picky"}', "bad-argument", "refused_bad_argument"),
        (b" " * 5000, "too-large", "refused_too_large"),
    ],
)
def test_bad_request_is_refused_counted_and_the_next_one_answered(
    body: bytes, code: str, counted: str
) -> None:
    async def run() -> None:
        async with serving() as endpoint, client(endpoint) as socket:
            assert code_of(await ask(socket, body)) == code
            assert endpoint.counts == {counted: 1}
            assert (await ask(socket, b'{"request":"echo"}'))["text"] == ""
            assert endpoint.counts["answered"] == 1

    asyncio.run(run())


def test_unknown_request_is_told_what_there_is() -> None:
    async def run() -> str:
        async with serving() as endpoint, client(endpoint) as socket:
            answer = await ask(socket, b'{"request":"nope","id":"9"}')
            assert (answer["request"], answer["id"]) == ("nope", "9")
            return str(answer["error"]["message"])

    assert asyncio.run(run()) == "expected one of big, broken, echo, picky"


def test_bug_in_an_answer_is_logged_and_ends_nothing() -> None:
    async def run() -> None:
        async with serving() as endpoint, client(endpoint) as socket:
            assert code_of(await ask(socket, b'{"request":"broken"}')) == "internal"
            assert (await ask(socket, b'{"request":"echo"}'))["text"] == ""

    with capture_logs() as log:
        asyncio.run(run())
    assert [one["event"] for one in log] == ["query_failed"]


def test_wrong_number_of_frames_is_refused() -> None:
    async def run() -> None:
        async with serving() as endpoint, client(endpoint) as socket:
            for frames in ([b"{}", b"{}"], [b""], [b"", b"", b""], [b"a"] * 5000):
                await socket.send_multipart(frames)
                *_, answer = await asyncio.wait_for(socket.recv_multipart(), 10)
                assert code_of(json.loads(answer)) == "malformed"
            assert (await ask(socket, b'{"request":"echo"}'))["text"] == ""

    asyncio.run(run())


def test_frame_too_long_for_any_request_costs_its_sender_the_connection_alone() -> None:
    async def run() -> None:
        async with serving() as endpoint, client(endpoint) as bad, client(endpoint) as good:
            await bad.send(b"x" * 1_000_000)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(bad.recv(), 0.3)
            assert (await ask(good, b'{"request":"echo"}'))["text"] == ""
            assert endpoint.counts == {"answered": 1}

    asyncio.run(run())


def test_peer_that_asks_too_often_is_told_so_and_others_are_not() -> None:
    async def run() -> None:
        async with (
            serving(requests_hz=1.0) as endpoint,
            client(endpoint) as eager,
            client(endpoint) as calm,
        ):
            codes = [await ask(eager, b'{"request":"echo"}') for _ in range(4)]
            assert ["error" in one for one in codes] == [False, False, True, True]
            assert code_of(codes[-1]) == "too-many"
            assert (await ask(calm, b'{"request":"echo"}'))["text"] == ""
            assert endpoint.counts == {"answered": 3, "refused_too_many": 2}

    asyncio.run(run())


def test_flood_leaves_the_loop_and_others_their_turn() -> None:
    """While a peer sends as fast as it can, a timer is late by little and others are answered."""

    async def run() -> tuple[float, float]:
        async with serving() as endpoint, client(endpoint) as flood, client(endpoint) as calm:
            await ask(calm, b'{"request":"echo"}')

            async def pour() -> None:
                while True:
                    await flood.send(b'{"request":"echo"}')

            pouring = asyncio.create_task(pour())
            waits, lates = [], []
            for _ in range(20):
                began_s = time.monotonic()
                await ask(calm, b'{"request":"echo"}')
                waits.append(time.monotonic() - began_s)
                began_s = time.monotonic()
                await asyncio.sleep(0.01)
                lates.append(time.monotonic() - began_s - 0.01)
            pouring.cancel()  # where all this took seconds, it was hung up on and waits
            assert endpoint.counts["answered"] > 200
            return sorted(waits)[10], max(lates)

    wait_s, late_s = asyncio.run(run())
    # 5 ms and 10 ms on a quiet machine.
    assert wait_s < 1.0
    assert late_s < 1.0


def test_peers_that_do_not_read_hold_a_bounded_number_of_answers() -> None:
    """30 peers ask for 150 KB 60 times each and read nothing: 270 MB that are not kept."""

    async def run() -> tuple[int, int, int]:
        async with serving() as endpoint, client(endpoint) as good:
            await ask(good, b'{"request":"big"}')
            before_kb = _peak_kb()
            context = zmq.asyncio.Context()
            mute = []
            for _ in range(30):
                socket = context.socket(zmq.DEALER)
                socket.set(zmq.RCVHWM, 1)
                socket.set(zmq.RCVBUF, 4096)
                socket.set(zmq.LINGER, 0)
                socket.connect(endpoint.address)
                mute.append(socket)
            for _ in range(60):
                for socket in mute:
                    await socket.send(b'{"request":"big"}')
            async with asyncio.timeout(30):
                while sum(endpoint.counts.values()) < 1801 + endpoint.counts["unread"]:
                    assert (await ask(good, b'{"request":"echo"}'))["text"] == ""
            assert endpoint.counts["answered"] >= 1801
            grown_kb = _peak_kb() - before_kb
            for socket in mute:
                socket.close()
            context.term()
            return endpoint.counts["unread"], endpoint.counts["answered"], grown_kb

    unread, _, grown_kb = asyncio.run(run())
    assert unread > 1000
    # Each holds 16 answers here, and what the kernel and its own side take in.
    assert grown_kb < 30 * 24 * 150


def _peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def fuzzed(rng: random.Random) -> list[bytes]:
    """Frames of one message, near to a request or far from one."""
    good = b'{"request":"echo","id":"1","text":"hello"}'
    match rng.randrange(8):
        case 0:
            return [rng.randbytes(rng.randrange(200))]
        case 1:
            damaged = bytearray(good)
            for _ in range(rng.randint(1, 4)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            return [bytes(damaged)]
        case 2:
            return [good[: rng.randrange(len(good))]]
        case 3:
            opening = rng.choice([b"[", b'{"request":', b'{"a":[', b"1", b'"'])
            return [opening * rng.randrange(1, 700)]
        case 4:
            return [rng.randbytes(rng.randrange(20)) for _ in range(rng.randrange(1, 8))]
        case 5:
            return [b" " * rng.randrange(3000, 60_000)]
        case 6:
            value = rng.choice([b"1e999", b"-0", b"null", b"[]", b"9" * 400, b'"\\ud800"', b"NaN"])
            key = rng.choice([b'"request"', b'"id"', b'"text"'])
            return [b'{"request":"echo",' + key + b":" + value + b"}"]
        case _:
            return [b"", good]


def test_who_has_eight_requests_under_way_gets_all_answers() -> None:
    """At full speed libzmq's own look at what was read, once a millisecond, comes too late."""
    request, count = b'{"request":"echo","text":"hello"}', 20_000

    async def run() -> Counter[str]:
        async with serving() as endpoint:
            await asyncio.to_thread(exchange, endpoint.address)
            return endpoint.counts

    def exchange(address: str) -> None:
        context: zmq.Context[Any] = zmq.Context()
        socket = context.socket(zmq.DEALER)
        socket.connect(address)
        try:
            for number in range(count + 8):
                if number < count:
                    socket.send(request)
                if number >= 8:
                    assert socket.poll(5000), f"no answer to request {number - 8}"
                    socket.recv()
        finally:
            context.destroy(linger=0)

    assert asyncio.run(run()) == {"answered": count}


@pytest.mark.parametrize("count", [20_000])
def test_fuzzed_requests_escape_nowhere_and_leave_nothing_behind(count: int) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)

    async def pour(socket: zmq.asyncio.Socket, messages: int) -> None:
        answers = 0

        async def drain() -> None:
            nonlocal answers
            while answers < messages:
                *_, answer = await socket.recv_multipart()
                answers += 1
                tree = json.loads(answer)
                assert "text" in tree or code_of(tree) in ERROR_CODES

        draining = asyncio.create_task(drain())
        sent = 0
        while sent < messages:
            # No further ahead than what the endpoint keeps for a peer: each has its answer.
            if sent - answers >= 4:
                await asyncio.sleep(0)
                continue
            await socket.send_multipart(fuzzed(rng))
            sent += 1
        await asyncio.wait_for(draining, 60)

    async def run() -> tuple[int, int]:
        async with serving() as endpoint, client(endpoint) as one, client(endpoint) as two:
            await asyncio.gather(pour(one, count // 8), pour(two, count // 8))
            before_kb = _now_kb()
            await asyncio.gather(pour(one, 3 * count // 8), pour(two, 3 * count // 8))
            counts = endpoint.counts
            assert counts["unread"] == counts["refused_internal"] == 0
            assert counts["answered"] > count // 10
            return sum(counts.values()), _now_kb() - before_kb

    with capture_logs() as log:
        answered, grown_kb = asyncio.run(run())
    assert answered == count
    assert log == []
    assert grown_kb < 4096


def _now_kb() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


def test_address_in_use_is_unavailable() -> None:
    async def run() -> None:
        async with serving() as endpoint:
            with pytest.raises(UnavailableError, match=r"query\.address tcp://127\.0\.0\.1:"):
                QueryEndpoint(endpoint.address, {})

    asyncio.run(run())

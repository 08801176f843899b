"""io/departures.py: a message that has come round has left."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest

from tests.io.test_publisher import BEAT, ESTIMATE
from umamba_rt.config.endpoints import PublisherConfig
from umamba_rt.feed import Subscriber
from umamba_rt.io.departures import Departures
from umamba_rt.io.publisher import Publisher
from umamba_rt.wire.envelope import Format


@pytest.fixture(params=["json", "msgpack"])
def form(request: pytest.FixtureRequest) -> Format:
    made: Format = request.param
    return made


@pytest.fixture
def departed() -> queue.Queue[int]:
    return queue.Queue()


@pytest.fixture
def publisher(form: Format, departed: queue.Queue[int]) -> Iterator[Publisher]:
    departures = Departures(departed.put)
    feed = Publisher(
        PublisherConfig("tcp://127.0.0.1:*", format=form),
        PublisherConfig("tcp://127.0.0.1:*"),
        echo_address=departures.address,
    )
    departures.start()
    yield feed
    departures.stop()
    feed.close()


def echoed(publisher: Publisher, departed: queue.Queue[int]) -> int:
    """The first number that comes round: until then the subscription is on its way."""
    for _ in range(500):
        publisher.send_magnitude(ESTIMATE, 0)
        try:
            return departed.get(timeout=0.02)
        except queue.Empty:
            continue
    raise AssertionError("nothing came round in 10 s")


def test_numbers_come_round_in_order(publisher: Publisher, departed: queue.Queue[int]) -> None:
    echoed(publisher, departed)
    sent = [publisher.send_magnitude(ESTIMATE, 0) for _ in range(200)]
    found: list[int] = []
    while not found or found[-1] < sent[-1]:
        found.append(departed.get(timeout=5))
    assert found == sorted(set(found))


def test_estimates_alone_come_round(publisher: Publisher, departed: queue.Queue[int]) -> None:
    """The ledger asks after no other kind; an estimate behind one stands for it, too."""
    echoed(publisher, departed)
    beat = publisher.send(BEAT)
    last = publisher.send_magnitude(ESTIMATE, 0)
    found = [departed.get(timeout=5)]
    while found[-1] < last:
        found.append(departed.get(timeout=5))
    assert beat not in found


@pytest.mark.parametrize("endpoint", [0, 1])
def test_what_came_round_is_with_the_other_subscribers(
    publisher: Publisher, departed: queue.Queue[int], form: Format, endpoint: int
) -> None:
    """200 times: when the echo is here, so is the message there, without any more waiting."""
    if form == "msgpack":
        return  # the subscriber of the package reads JSON
    with Subscriber(publisher.addresses[endpoint], ["magnitude."], timeout_s=0.2) as feed:
        while feed.receive() is None:
            publisher.send_magnitude(ESTIMATE, 0)
        while feed.receive() is not None:
            pass
        while not departed.empty():
            departed.get()
        late = 0
        for _ in range(200):
            seq = publisher.send_magnitude(ESTIMATE, 0)
            while departed.get(timeout=5) < seq:
                pass
            message = feed.receive()
            late += message is None or message.body["seq"] != seq
        assert late == 0

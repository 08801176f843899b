"""io/publisher.py on real ZeroMQ sockets."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest
import zmq

from tests.endpoints import wait_until
from umamba_rt.config.endpoints import PublisherConfig
from umamba_rt.core.estimate import ModelIdentity
from umamba_rt.core.quality import Quality
from umamba_rt.errors import UnavailableError
from umamba_rt.feed import Subscriber
from umamba_rt.io.publisher import Publisher
from umamba_rt.wire.message import Heartbeat, Latency, Magnitude, Station

BEAT = Heartbeat(1.0, {}, 0, None, {})
ESTIMATE = Magnitude(
    station=Station("CI", "CCC", "--", "HH"),
    window_start="2019-07-04T17:33:00.000000Z",
    window_end="2019-07-04T17:33:30.000000Z",
    magnitude=4.5,
    uncertainty=None,
    revision=0,
    quality=Quality(0.0, 0, 0.0, False, 12.0, 100.0, "ZNE", True),
    latency=Latency(0.5, 0.0),
    model=ModelIdentity("v2", "1", "0" * 64, True),
)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    feed = Publisher("tcp://127.0.0.1:*")
    yield feed
    feed.close()


def subscribed(publisher: Publisher, topics: list[str]) -> Subscriber:
    """A subscriber that is known to receive: heartbeats are sent until one comes."""
    reader = Subscriber(publisher.address, [*topics, "heartbeat"], timeout_s=0.05)
    for _ in range(200):
        publisher.send(BEAT)
        if reader.receive() is not None:
            while reader.receive() is not None:
                pass
            return reader
    raise AssertionError("no heartbeat in 10 s")


def test_every_message_has_the_next_number_of_one_session(publisher: Publisher) -> None:
    with subscribed(publisher, [""]) as reader:
        before = publisher.sent
        for _ in range(5):
            publisher.send(BEAT)
        bodies = [message.body for message in (reader.receive() for _ in range(5)) if message]
    assert [body["seq"] for body in bodies] == list(range(before + 1, before + 6))
    assert {body["session"] for body in bodies} == {publisher.session}


def test_numbers_stay_whole_when_several_threads_send(publisher: Publisher) -> None:
    with subscribed(publisher, [""]) as reader:
        before = publisher.sent

        def send_fifty() -> None:
            for _ in range(50):
                publisher.send(BEAT)

        threads = [threading.Thread(target=send_fifty) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        bodies = [message.body for message in (reader.receive() for _ in range(200)) if message]
    assert [body["seq"] for body in bodies] == list(range(before + 1, before + 201))
    assert reader.missed == 0


def test_prefix_chooses_a_station(publisher: Publisher) -> None:
    with subscribed(publisher, ["magnitude.v2.CI."]) as reader:
        publisher.send(ESTIMATE)
        message = reader.receive()
        assert message is not None
        assert message.topic == "magnitude.v2.CI.CCC.--.HH"
    with subscribed(publisher, ["magnitude.v2.XX."]) as reader:
        publisher.send(ESTIMATE)
        assert reader.receive() is None


def test_processing_time_runs_from_the_arrival(publisher: Publisher) -> None:
    with subscribed(publisher, ["magnitude."]) as reader:
        seq = publisher.send_magnitude(ESTIMATE, time.monotonic_ns() - 40_000_000)
        message = reader.receive()
    assert message is not None
    assert message.body["seq"] == seq
    assert 40 <= message.body["latency"]["processing_ms"] < 5000


def test_address_in_use_is_an_error_that_names_it(publisher: Publisher) -> None:
    with pytest.raises(UnavailableError, match=publisher.address) as caught:
        Publisher(publisher.address)
    assert "in use" in str(caught.value)


def test_messagepack_carries_the_same_fields() -> None:
    feed = Publisher(PublisherConfig("tcp://127.0.0.1:*", format="msgpack"))
    context = zmq.Context()
    reader = context.socket(zmq.SUB)
    reader.set(zmq.RCVTIMEO, 50)
    reader.set_string(zmq.SUBSCRIBE, "")
    reader.connect(feed.address)
    frames: list[bytes] = []
    for _ in range(200):
        feed.send(BEAT)
        try:
            frames = reader.recv_multipart()
            break
        except zmq.Again:
            continue
    reader.close()
    context.term()
    feed.close()
    body = msgspec.msgpack.decode(frames[1])
    assert body["schema"] == "umamba-rt/heartbeat/1"
    assert body["counts"] == {}


def test_stopped_subscriber_does_not_hold_up_the_others() -> None:
    feed = Publisher(PublisherConfig("tcp://127.0.0.1:*", high_water_mark=10))
    with subscribed(feed, [""]), subscribed(feed, ["heartbeat"]) as reader:
        # The first subscriber reads nothing: its share is dropped at its mark.

        def has_come() -> bool:
            message = reader.receive()
            return message is not None and message.seq == feed.sent

        for _ in range(3000):
            feed.send(BEAT)
            wait_until(has_come)
    feed.close()


@pytest.mark.skipif(
    zmq.pyzmq_version_info() < (27, 3), reason="its libzmq ends a client that sends so much"
)
def test_peer_that_sends_more_than_a_subscription_is_cut_off(publisher: Publisher) -> None:
    context = zmq.Context()
    flood = context.socket(zmq.XSUB)
    flood.set(zmq.LINGER, 0)
    flood.connect(publisher.address)
    monitor = flood.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    with subscribed(publisher, [""]) as reader:
        flood.send(b"\x01" + b"x" * 100_000)
        assert monitor.poll(10_000), "the publisher still talks to it"
        publisher.send(BEAT)
        assert reader.receive() is not None
    flood.disable_monitor()
    flood.close()
    context.destroy()


def test_subscriber_of_another_format_is_told_so() -> None:
    feed = Publisher(PublisherConfig("tcp://127.0.0.1:*", format="msgpack"))
    with Subscriber(feed.address, timeout_s=0.05) as reader:

        def receive() -> None:
            for _ in range(200):
                feed.send(BEAT)
                reader.receive()

        with pytest.raises(ValueError, match="not JSON"):
            receive()
    feed.close()


def test_ipv6_address_is_bound_and_reached() -> None:
    feed = Publisher("tcp://[::1]:*")
    with subscribed(feed, [""]) as reader:
        feed.send(BEAT)
        assert reader.receive() is not None
    feed.close()


def test_each_topic_is_counted_by_itself(publisher: Publisher) -> None:
    with subscribed(publisher, ["magnitude."]) as reader:
        other = replace(ESTIMATE, station=Station("CI", "SLA", "--", "HH"))
        for message in (ESTIMATE, other, ESTIMATE, BEAT, ESTIMATE):
            publisher.send(message)
        found = [message for message in (reader.receive() for _ in range(5)) if message]
    counts = [(one.topic.split(".")[-3:], one.body["topic_seq"]) for one in found]
    assert [count for name, count in counts if "CCC" in name] == [1, 2, 3]
    assert [count for name, count in counts if "SLA" in name] == [1]


def test_tap_gets_each_message_of_all_threads_once_in_order(publisher: Publisher) -> None:
    seen: list[tuple[str, int, int, bytes]] = []
    publisher.tap(lambda *message: seen.append(message))

    def send_fifty() -> None:
        for _ in range(50):
            publisher.send(BEAT)
            publisher.send(ESTIMATE)

    threads = [threading.Thread(target=send_fifty) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [seq for _, seq, _, _ in seen] == list(range(1, 401))
    beats = [message for message in seen if message[0] == "heartbeat"]
    assert [topic_seq for _, _, topic_seq, _ in beats] == list(range(1, 201))
    body = msgspec.json.decode(seen[-1][3])
    assert (body["seq"], body["topic_seq"]) == (400, seen[-1][2])


def test_what_a_subscriber_has_the_tap_has_had(publisher: Publisher) -> None:
    seen: list[bytes] = []
    publisher.tap(lambda _topic, _seq, _topic_seq, body: seen.append(body))
    with subscribed(publisher, [""]) as reader:
        publisher.send(ESTIMATE)
        message = reader.receive()
    assert message is not None
    assert msgspec.json.decode(seen[-1]) == message.body


def test_all_endpoints_carry_the_same_numbers_each_in_its_format() -> None:
    feed = Publisher("tcp://127.0.0.1:*", PublisherConfig("tcp://127.0.0.1:*", format="msgpack"))
    context = zmq.Context()
    reader = context.socket(zmq.SUB)
    reader.set(zmq.RCVTIMEO, 5000)
    reader.set_string(zmq.SUBSCRIBE, "")
    reader.connect(feed.addresses[1])
    with subscribed(feed, [""]) as plain:
        seq = feed.send(ESTIMATE)
        message = plain.receive()
        packed = msgspec.msgpack.decode(reader.recv_multipart()[1])
        while packed["seq"] < seq:
            packed = msgspec.msgpack.decode(reader.recv_multipart()[1])
    reader.close()
    context.term()
    feed.close()
    assert message is not None
    assert packed == message.body


def test_endpoint_carries_its_topics_alone_under_the_same_numbers() -> None:
    some = PublisherConfig("tcp://127.0.0.1:*", topics=("magnitude.v2.CI.", "heartbeat"))
    feed = Publisher(PublisherConfig("tcp://127.0.0.1:*"), some)
    with Subscriber(feed.addresses[1], timeout_s=0.05) as reader:
        other = replace(ESTIMATE, station=Station("XX", "CCC", "--", "HH"))
        for _ in range(200):
            feed.send(BEAT)
            if reader.receive() is not None:
                break
        while reader.receive() is not None:
            pass
        sent = [feed.send(message) for message in (other, ESTIMATE, other, BEAT)]
        found = [message.body["seq"] for message in (reader.receive(), reader.receive()) if message]
        assert found == [sent[1], sent[3]]
        assert reader.receive() is None
    feed.close()

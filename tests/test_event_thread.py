"""event_thread.py: the same events, and nobody waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from tests.core.test_association import EPICENTRE, ORIGIN_NS, STATIONS
from tests.endpoints import wait_until
from tests.test_events import CONFIG, INVENTORY, estimate
from umamba_rt.core.association import Source
from umamba_rt.core.inventory import EMPTY
from umamba_rt.core.rise import Tail
from umamba_rt.core.station_event import Reading
from umamba_rt.core.timebase import NS_PER_S, nearest_index
from umamba_rt.event_thread import EventThread
from umamba_rt.events import EventMessage, Events
from umamba_rt.wire.event_message import NetworkEventMessage
from umamba_rt.wire.message import Magnitude


def estimates() -> list[Magnitude]:
    """An earthquake's P at all stations, and the windows of a minute around it."""
    source = Source(EPICENTRE, ORIGIN_NS)
    first_ns = ORIGIN_NS // NS_PER_S * NS_PER_S
    return [
        estimate(name, first_ns + second * NS_PER_S, nearest_index(source.p_ns(place)))
        for second in range(60)
        for name, place in STATIONS.items()
    ]


class Slow(Events):
    """Begins an estimate only when it is let."""

    def __init__(self) -> None:
        super().__init__(CONFIG, INVENTORY, "v2")
        self.let = threading.Event()

    def read(self, reading: Reading, tail: Tail | None = None) -> Iterator[EventMessage]:
        """Wait, then take it."""
        assert self.let.wait(30)
        return super().read(reading, tail)


def send(_message: Magnitude, _arrived_ns: int) -> int:
    return 1


def test_thread_tells_the_events_that_are_told_without_it() -> None:
    alone = Events(CONFIG, INVENTORY, "v2")
    expected = [event for one in estimates() for event in alone.take(one)]
    expected += alone.finish()
    assert len(expected) > len(STATIONS)
    told: list[EventMessage] = []
    thread = EventThread(Events(CONFIG, INVENTORY, "v2"), live=True)
    through = thread.following(send, told.append)
    for one in estimates():
        assert through(one, 0) == 1
    thread.finish(60)
    assert told == expected
    assert thread.passed_over == 0


def test_estimates_go_on_while_a_search_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("umamba_rt.event_thread._MOST_WAITING", 10)
    slow, told = Slow(), list[EventMessage]()
    thread = EventThread(slow, live=True)
    through = thread.following(send, told.append)
    all_of_them = estimates()
    for one in all_of_them:
        through(one, 0)
    # One is in the thread's hands at most, ten wait.
    assert len(all_of_them) - 11 <= thread.passed_over <= len(all_of_them) - 10
    slow.let.set()
    thread.finish(60)
    assert not thread._thread.is_alive()


def test_end_does_not_wait_longer_than_it_may_and_nothing_is_told_after_it() -> None:
    slow, told = Slow(), list[EventMessage]()
    thread = EventThread(slow, live=True)
    through = thread.following(send, told.append)
    for one in estimates():
        through(one, 0)
    begun_s = time.monotonic()
    with capture_logs() as logs:
        thread.finish(0.2)
    assert time.monotonic() - begun_s < 2
    assert [entry["event"] for entry in logs] == ["events_abandoned"]
    slow.let.set()
    thread._thread.join(30)
    assert not thread._thread.is_alive()
    assert told == []


def test_replay_waits_rather_than_pass_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("umamba_rt.event_thread._MOST_WAITING", 1)
    told: list[EventMessage] = []
    thread = EventThread(Events(CONFIG, INVENTORY, "v2"), live=False)
    through = thread.following(send, told.append)
    for one in estimates():
        through(one, 0)
    thread.finish(60)
    assert thread.passed_over == 0
    assert len(told) > len(STATIONS)


def test_places_that_a_reload_brings_are_those_of_the_next_estimate() -> None:
    """Without places a network event has none; with them it has."""
    told: list[EventMessage] = []
    thread = EventThread(Events(CONFIG, EMPTY, "v2"), live=True)
    through = thread.following(send, told.append)
    all_of_them = estimates()
    through(all_of_them[0], 0)
    wait_until(thread._waiting.empty)
    thread.adopt(INVENTORY)
    for one in all_of_them[1:]:
        through(one, 0)
    thread.finish(60)
    network = [one for one in told if isinstance(one, NetworkEventMessage)]
    assert network
    assert all(one.latitude_deg is not None for one in network)


def test_run_without_estimates_ends_at_once() -> None:
    thread = EventThread(Events(CONFIG, INVENTORY, "v2"), live=True)
    told: list[EventMessage] = []
    thread.following(send, told.append)
    thread.finish(60)
    assert told == []

"""The plain examples for subscribers, as processes: a real daemon, and messages that get lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import zmq

from tests.endpoints import answering, wait_until
from tests.feed.serving import Served, served
from tests.process_lines import Lines, lines_of
from tests.support import ROOT, free_port, records_of, running_daemon
from tests.test_daemon import config, replay
from umamba_rt.config.endpoints import QueryConfig
from umamba_rt.io.query import QueryEndpoint
from umamba_rt.query import QueryClient

PLAIN = [sys.executable, str(ROOT / "tools" / "bridge_plain.py")]


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command of the example in JavaScript, with what npm installs beside it."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        assert os.environ.get("NODE_TESTS") != "required", "node and npm are not there"
        pytest.skip("node and npm are not there")
    folder = tmp_path_factory.mktemp("node")
    shutil.copytree(ROOT / "tools" / "bridge_node", folder, dirs_exist_ok=True)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return ["node", str(folder / "bridge_node.mjs")]


@pytest.fixture(params=["plain", "node"])
def bridge(request: pytest.FixtureRequest) -> list[str]:
    return PLAIN if request.param == "plain" else request.getfixturevalue("node")


@dataclass(frozen=True, slots=True)
class Estimate:
    """As much of an estimate as the examples read."""

    schema: ClassVar[str] = "umamba-rt/magnitude/1"
    station: str
    window_end: str
    magnitude: float

    @property
    def topic(self) -> str:
        return f"magnitude.v2.{self.station}"


def test_each_window_of_a_real_daemon_is_a_line_of_both_examples(
    tmp_path: Path, node: list[str]
) -> None:
    port, feed, query = free_port(), *(f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
    more = "[model]\ncheckpoint = 'untrained'\n"
    with (
        running_daemon(
            tmp_path, config(port, feed, more=more), UMAMBA_RT_QUERY__ADDRESS=query
        ) as daemon,
        lines_of([*PLAIN, feed, query]) as plain,
        lines_of([*node, feed, query]) as script,
    ):
        daemon.wait_notified("READY=1")
        time.sleep(1.0)  # both are started by then, as they reconnect within 0.1 s
        with replay(tmp_path, records_of(seconds=50), port, "--speed", "max"):
            with QueryClient(query) as client:
                sent = 0
                while sent < 15:
                    time.sleep(0.1)
                    sent = client.ask("stats")["counts"]["estimates_sent"]
            found, again = plain.wait_for(sent), script.wait_for(sent)
    assert len(found) >= 15
    assert found == again
    assert all(line.startswith("magnitude.v2.AA.ONE.--.HH ") for line in found)


class Way:
    """The way of the feed to a bridge: an address of its own, where messages can be lost.

    Attributes:
        address: for the bridge.
        frames: the latest message.
        loses: drops what is sent.
    """

    def __init__(self) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUB)
        self._socket.set(zmq.SNDHWM, 0)
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.address = f"tcp://127.0.0.1:{port}"
        self.frames: list[bytes] = []
        self.loses = False

    def lead(self, feed: Served) -> None:
        """Carry what this daemon sends from now on."""

        def take(topic: str, seq: int, topic_seq: int, body: bytes) -> None:
            feed.recall.history.take(topic, seq, topic_seq, body)
            if not self.loses:
                self.send([topic.encode(), body])

        feed.publisher.tap(take)

    def send(self, frames: list[bytes]) -> None:
        self.frames = frames
        self._socket.send_multipart(frames)

    def close(self) -> None:
        self._context.destroy(linger=0)


@pytest.fixture
def way() -> Iterator[Way]:
    made = Way()
    yield made
    made.close()


class Numbered:
    """Estimates whose magnitudes count from 1 on, of as many sensors as wanted in turn."""

    def __init__(self, sensors: int = 1) -> None:
        self.count = 0
        self._sensors = sensors

    def send(self, feed: Served, count: int = 1, characters: int = 0) -> None:
        for _ in range(count):
            self.count += 1
            name = f"S{self.count % self._sensors}"
            feed.publisher.send(Estimate(name, "x" * characters, self.count))

    def begin(self, feed: Served, lines: Lines) -> None:
        """Send until the bridge hears it."""
        ends_s = time.monotonic() + 30
        while not lines.lines and time.monotonic() < ends_s:
            self.send(feed)
            time.sleep(0.02)

    def require_all(self, lines: Lines, timeout_s: float = 60.0) -> None:
        """Each one since the first is a line, once and in turn."""
        first = numbers(lines)[0]
        lines.wait_for(self.count - first + 1, timeout_s)
        assert numbers(lines) == list(range(first, self.count + 1))


def numbers(lines: Lines) -> list[int]:
    return [int(float(line.split()[-1])) for line in list(lines.lines)]


def test_lost_messages_are_fetched(bridge: list[str]) -> None:
    """Stopped, it loses what its queues do not hold; let go, it asks for that."""
    estimates = Numbered()
    with (
        served(high_water_mark=20, requests_hz=20.0) as feed,
        lines_of([*bridge, feed.feed, feed.query]) as lines,
    ):
        estimates.begin(feed, lines)
        lines.process.send_signal(signal.SIGSTOP)
        estimates.send(feed, 20_000, characters=1000)
        lines.process.send_signal(signal.SIGCONT)
        ends_s = time.monotonic() + 60
        while numbers(lines)[-1] != estimates.count and time.monotonic() < ends_s:
            estimates.send(feed)  # shows the gap, unless it is lost, too
            lines.wait_for(estimates.count - numbers(lines)[0] + 1, timeout_s=1.0)
        estimates.require_all(lines)


def test_what_60_sensors_lost_is_fetched_at_the_rate_that_a_daemon_admits(
    way: Way, bridge: list[str]
) -> None:
    estimates = Numbered(sensors=60)
    with (
        served(requests_hz=QueryConfig().requests_hz) as feed,
        lines_of([*bridge, way.address, feed.query]) as lines,
    ):
        way.lead(feed)
        estimates.begin(feed, lines)
        way.loses = True
        estimates.send(feed, 12_000, characters=2000)  # over a hundred pages
        way.loses = False
        estimates.send(feed, 60)
        estimates.require_all(lines)
        assert feed.endpoint.counts["refused_too_many"] > 0


def test_daemon_that_dies_with_a_question_is_asked_again(way: Way, bridge: list[str]) -> None:
    estimates = Numbered()
    context = zmq.Context()
    dying = context.socket(zmq.ROUTER)
    query = f"tcp://127.0.0.1:{dying.bind_to_random_port('tcp://127.0.0.1')}"
    with served() as feed, lines_of([*bridge, way.address, query]) as lines:
        way.lead(feed)
        estimates.begin(feed, lines)
        way.loses = True
        estimates.send(feed, 3)
        way.loses = False
        estimates.send(feed)
        assert dying.poll(10_000)
        context.destroy(linger=0)
        with answering(QueryEndpoint(query, feed.recall.handlers)):
            estimates.require_all(lines)


def test_what_a_restarted_daemon_sent_before_and_after_is_fetched(
    tmp_path: Path, way: Way, bridge: list[str]
) -> None:
    """The end of one session and the beginning of the next are lost; a late message is known."""
    estimates = Numbered(sensors=2)
    query = f"tcp://127.0.0.1:{free_port()}"
    with lines_of([*bridge, way.address, query]) as lines:
        with served(tmp_path, query=query) as feed:
            way.lead(feed)
            estimates.begin(feed, lines)
            estimates.send(feed)
            late = way.frames
            way.loses = True
            estimates.send(feed, 5)
        with served(tmp_path, query=query) as feed:
            way.lead(feed)
            estimates.send(feed, 4)
            way.loses = False
            estimates.send(feed)
            estimates.require_all(lines)
            way.send(late)
            estimates.send(feed, 2)
            estimates.require_all(lines)


def test_what_cannot_be_had_any_more_is_told(
    way: Way, bridge: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    estimates = Numbered()
    with (
        served(memory_messages=10) as feed,
        lines_of([*bridge, way.address, feed.query]) as lines,
    ):
        way.lead(feed)
        estimates.begin(feed, lines)
        way.loses = True
        estimates.send(feed, 30)
        way.loses = False
        estimates.send(feed)
        wait_until(lambda: numbers(lines)[-1] == estimates.count)
        assert numbers(lines)[-10:] == list(range(estimates.count - 9, estimates.count + 1))
    assert "are lost" in capfd.readouterr().err

"""The examples for subscribers, as processes: a real daemon, lost messages, QuakeML files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import zmq
from obspy import UTCDateTime, read_events

from tests.endpoints import answering, wait_until
from tests.feed.serving import Served, served
from tests.support import RIDGECREST, ROOT, free_port, needs_shared, records_of, running_daemon
from tests.test_daemon import config, replay
from umamba_rt.config.endpoints import HistoryConfig, PublisherConfig, QueryConfig
from umamba_rt.curve import public_key, write_key_pair
from umamba_rt.feed import Subscriber
from umamba_rt.io.access import Access
from umamba_rt.io.archive import ArchiveChoice, read_archive
from umamba_rt.io.publisher import Publisher
from umamba_rt.io.query import QueryEndpoint
from umamba_rt.query import QueryClient
from umamba_rt.recall import Recall

PLAIN = [sys.executable, str(ROOT / "tools" / "bridge_plain.py")]
QUAKEML = [sys.executable, str(ROOT / "tools" / "bridge_quakeml.py")]
ENVELOPE = {"schema", "session", "seq", "topic_seq", "sent_at"}


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


class Lines:
    """A process's lines, read as they come."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, count: int, timeout_s: float = 60.0) -> list[str]:
        ends_s = time.monotonic() + timeout_s
        while len(self.lines) < count and time.monotonic() < ends_s:
            time.sleep(0.02)
        return list(self.lines)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout
        self.process.stdout.close()


@contextmanager
def lines_of(command: list[str]) -> Iterator[Lines]:
    running = Lines(command)
    try:
        yield running
    finally:
        running.end()


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


def network_event(**changes: Any) -> Any:
    """The network event of docs/feed, as it could be sent."""
    body = json.loads((ROOT / "docs" / "feed" / "network.json").read_text(encoding="utf-8"))
    fields = {name: value for name, value in (body | changes).items() if name not in ENVELOPE}
    known = {"schema": body["schema"], "topic": f"event.network.{fields['event_id']}"}
    kind = make_dataclass("NetworkEvent", list(fields), frozen=True, namespace=known)
    return kind(**fields)


def test_closed_network_events_become_quakeml_files_over_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    with served() as feed:
        command = [*QUAKEML, "--folder", str(folder), "--address", feed.feed]
        command += ["--query-address", feed.query, "--count"]
        feed.publisher.send(network_event(state="updated"))
        feed.publisher.send(network_event(event_id="../A 1"))
        assert _run([*command, "1"]) == [str(folder / ".._A_1.xml")]
        feed.publisher.send(network_event())
        feed.publisher.send(network_event(event_id="B", origin_time=None))
        assert [Path(line).name for line in _run([*command, "2"])][-1] == "B.xml"
    event = read_events(str(folder / "20190704T170258-CI_CLC.xml"))[0]
    told = json.loads((ROOT / "docs" / "feed" / "network.json").read_text(encoding="utf-8"))
    assert event.preferred_magnitude().mag == pytest.approx(told["magnitude"])
    assert event.preferred_magnitude().station_count == told["n_stations"]
    assert event.preferred_origin().time == UTCDateTime(told["origin_time"])
    bare = read_events(str(folder / "B.xml"))[0]
    assert bare.origins == []
    assert "no origin" in bare.comments[0].text
    assert Counter(path.suffix for path in folder.iterdir()) == {".xml": 3, ".json": 1}


@pytest.mark.parametrize("content", [b"", b'{"session":"a","se', b"[]", b'{"topics":{}}', b"\xff"])
def test_broken_position_file_is_told_and_the_history_is_written(
    tmp_path: Path, content: bytes
) -> None:
    position = tmp_path / "position.json"
    position.write_bytes(content)
    with served() as feed:
        feed.publisher.send(network_event(event_id="A"))
        command = [*QUAKEML, "--folder", str(tmp_path), "--address", feed.feed]
        command += ["--query-address", feed.query, "--count", "1"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'A.xml'}\n")
    assert done.stderr.startswith(f"bridge_quakeml: {position}: no position (")
    assert done.stderr.count("\n") == 1
    assert json.loads(position.read_bytes())["topics"] == {"event.network.A": [1, 1]}


def test_quakeml_files_come_over_a_feed_with_keys(tmp_path: Path) -> None:
    for name in ("server", "own"):
        write_key_pair(tmp_path / name)
    (tmp_path / "clients").write_text(public_key(tmp_path / "own"), encoding="ascii")
    access = Access(str(tmp_path / "server"), str(tmp_path / "clients"))
    publisher = Publisher(PublisherConfig("tcp://127.0.0.1:*", curve=True), access=access)
    recall = Recall(publisher, HistoryConfig(), None)
    endpoint = QueryEndpoint("tcp://127.0.0.1:*", recall.handlers, access=access)
    command = [*QUAKEML, "--folder", str(tmp_path), "--address", publisher.address]
    command += ["--query-address", endpoint.address, "--count", "1"]
    command += ["--server-key", str(tmp_path / "server.pub"), "--key-file"]
    with answering(endpoint):
        publisher.send(network_event(event_id="A"))
        assert _run([*command, str(tmp_path / "own")]) == [str(tmp_path / "A.xml")]
        wrong = [*command, str(tmp_path / "nowhere")]
        done = subprocess.run(wrong, capture_output=True, text=True, check=False, timeout=60)
    recall.close()
    publisher.close()
    assert (done.returncode, done.stderr.count("\n")) == (69, 1)
    assert str(tmp_path / "nowhere") in done.stderr


@needs_shared
def test_recorded_earthquakes_of_a_real_daemon_are_the_files_that_its_feed_tells_of(
    tmp_path: Path,
) -> None:
    port, feed, query = free_port(), *(f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
    inventory = RIDGECREST.parent / "stations.xml"
    more = f'[stations]\ninventory = "{inventory}"\n[events]\nclose_after_s = 30.0\n'
    choice = ArchiveChoice(_ns("2019-07-04T17:02:00"), _ns("2019-07-04T17:04:30"), ())
    records = list(read_archive([RIDGECREST], choice).records)
    folder = tmp_path / "events"
    command = [*QUAKEML, "--folder", str(folder), "--address", feed, "--query-address", query]
    with (
        running_daemon(
            tmp_path, config(port, feed, more=more), UMAMBA_RT_QUERY__ADDRESS=query
        ) as daemon,
        Subscriber(feed, ["event.network."], timeout_s=20.0, query_address=query) as heard,
        lines_of(command) as lines,
    ):
        daemon.wait_notified("READY=1")
        with replay(tmp_path, records, port, "--speed", "max"):
            message = heard.receive()
            while message is not None and message.body["state"] != "closed":
                message = heard.receive()
            assert message is not None
            assert lines.wait_for(1)
    (event,) = read_events(str(folder / f"{message.body['event_id']}.xml"))
    assert event.preferred_magnitude().mag == message.body["magnitude"]
    assert event.preferred_magnitude().station_count == message.body["n_stations"] >= 6
    told = read_events(str(RIDGECREST.parent / "catalogue.xml"))
    origin = event.preferred_origin()
    near = [one for one in told if abs(one.origins[0].time - origin.time) < 2]
    assert len(near) == 1
    assert abs(near[0].magnitudes[0].mag - event.preferred_magnitude().mag) < 1
    assert abs(near[0].origins[0].latitude - origin.latitude) < 0.3


def _ns(text: str) -> int:
    return int(UTCDateTime(text).ns)


def _run(command: list[str]) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()

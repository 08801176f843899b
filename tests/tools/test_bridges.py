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
from obspy import UTCDateTime, read_events

from tests.feed.serving import served
from tests.support import RIDGECREST, ROOT, free_port, needs_shared, records_of, running_daemon
from tests.test_daemon import config, replay
from umamba_rt.feed import Subscriber
from umamba_rt.io.archive import ArchiveChoice, read_archive
from umamba_rt.query import QueryClient

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


def test_lost_messages_are_fetched(bridge: list[str]) -> None:
    """Stopped, it loses what its queues do not hold; let go, it asks for that."""
    with served(high_water_mark=20) as feed, lines_of([*bridge, feed.feed, feed.query]) as lines:
        number = 0
        ends_s = time.monotonic() + 30
        while not lines.lines and time.monotonic() < ends_s:
            number += 1
            feed.publisher.send(Estimate("A", "", number))
            time.sleep(0.02)
        first = int(float(lines.wait_for(1)[0].split()[-1]))
        lines.process.send_signal(signal.SIGSTOP)
        for _ in range(20_000):
            number += 1
            feed.publisher.send(Estimate("A", "x" * 1000, number))
        lines.process.send_signal(signal.SIGCONT)
        while len(lines.lines) < number - first + 1 and time.monotonic() < ends_s + 60:
            number += 1
            feed.publisher.send(Estimate("A", "", number))  # shows the gap
            lines.wait_for(number - first + 1, timeout_s=1.0)
        found = [int(float(line.split()[-1])) for line in lines.lines]
        assert found == list(range(first, number + 1))


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

"""tools/bridge_quakeml.py as a process: files of closed network events, and where it goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any

import pytest
from obspy import UTCDateTime, read_events

from tests.endpoints import answering
from tests.feed.serving import served
from tests.process_lines import lines_of
from tests.support import RIDGECREST, ROOT, free_port, needs_shared, running_daemon
from tests.test_daemon import config, replay
from umamba_rt.config.endpoints import HistoryConfig, PublisherConfig
from umamba_rt.curve import public_key, write_key_pair
from umamba_rt.feed import Subscriber
from umamba_rt.io.access import Access
from umamba_rt.io.archive import ArchiveChoice, read_archive
from umamba_rt.io.publisher import Publisher
from umamba_rt.io.query import QueryEndpoint
from umamba_rt.recall import Recall

QUAKEML = [sys.executable, str(ROOT / "tools" / "bridge_quakeml.py")]
ENVELOPE = {"schema", "session", "seq", "topic_seq", "sent_at"}


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

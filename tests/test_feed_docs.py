"""docs/feed.md: it says what the schemas say, and the subscriber in it works as it stands."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.endpoints import answering, wait_until
from tests.io.test_publisher import ESTIMATE
from tests.support import ROOT
from umamba_rt.config.endpoints import HistoryConfig, PublisherConfig
from umamba_rt.io.publisher import Publisher
from umamba_rt.io.query import QueryEndpoint
from umamba_rt.recall import Recall
from umamba_rt.wire.message import Evolution
from umamba_rt.wire.schemas import KINDS, schema

PAGE = (ROOT / "docs" / "feed.md").read_text(encoding="utf-8")


def names(described: dict[str, Any]) -> Iterator[str]:
    for name, item in described["properties"].items():
        yield name
        within = item.get("items", item)
        if "properties" in within:
            yield from names(within)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_every_schema_is_told_with_type_and_meaning(kind: str) -> None:
    section = PAGE.split(f"### `umamba-rt/{kind}/1`")[1].split("\n### ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    told = {row.split("`")[1].rpartition(".")[2]: row for row in rows}
    of_the_sensor = {"network", "location", "band_source"}  # told once, with the first "station"
    assert set(names(schema(kind))) - of_the_sensor == set(told) - of_the_sensor
    for row in rows:
        cells = [cell.strip() for cell in row.split(" | ")]
        assert cells[1], row
        assert cells[3] in ("always", "may be null", "not always"), row
    for field in ("seq", "topic_seq", "session", "sent_at", "schema"):
        assert told[field]


def test_every_request_of_the_history_is_told() -> None:
    publisher = Publisher("inproc://feed")
    recall = Recall(publisher, HistoryConfig(), None)
    for request in [*recall.handlers, "stations", "stats"]:
        assert f'"request": "{request}"' in PAGE
    recall.close()
    publisher.close()


@contextmanager
def served(publisher: Publisher, recall: Recall) -> Iterator[QueryEndpoint]:
    endpoint = QueryEndpoint("tcp://127.0.0.1:*", recall.handlers, requests_hz=1000)
    try:
        with answering(endpoint):
            yield endpoint
    finally:
        recall.close()
        publisher.close()


def subscriber_of_the_page(tmp_path: Path, feed: str, query: str) -> Path:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    told = 'FEED, QUERY, TOPIC = "tcp://127.0.0.1:5560", "tcp://127.0.0.1:5561", "event."'
    assert told in code
    path = tmp_path / "subscriber.py"
    here = f'FEED, QUERY, TOPIC = "{feed}", "{query}", "magnitude."'
    path.write_text(code.replace(told, here), encoding="utf-8")
    return path


def _stopped_and_caught_up(
    process: subprocess.Popen[str], publisher: Publisher, lines: list[str]
) -> int:
    """Stop a subscriber while 24 MB are sent, and wait until it has the last of them all."""
    assert process.stdout
    assert process.stdout.readline().split()[1] == "1"  # of the snapshot
    heard = threading.Event()

    def read(stream: Iterable[str]) -> None:
        for line in stream:
            lines.append(line)
            heard.set()

    reader = threading.Thread(target=read, args=(process.stdout,), daemon=True)
    reader.start()
    while not heard.wait(0.05):  # until its subscription stands
        publisher.send(ESTIMATE)
    process.send_signal(signal.SIGSTOP)
    long = replace(ESTIMATE, evolution=Evolution("", 0.1, [1.23456] * 20_000, 0.0))
    for _ in range(150):
        publisher.send(long)
    process.send_signal(signal.SIGCONT)
    sent = [0]

    def is_there() -> bool:
        # What is lost shows with the next message, which may be lost, too, while it catches up.
        if int(lines[-1].split()[1]) == sent[-1]:
            return True
        sent.append(publisher.send(ESTIMATE))
        return False

    wait_until(is_there, 60)
    process.terminate()
    reader.join()
    return sent[-1]


def test_subscriber_of_the_page_has_all_messages_though_it_was_stopped(tmp_path: Path) -> None:
    """It joins late, stands still until messages for it are dropped, and has each one once."""
    publisher = Publisher(PublisherConfig("tcp://127.0.0.1:*", high_water_mark=10))
    recall = Recall(publisher, HistoryConfig(), None)
    publisher.send(ESTIMATE)
    with served(publisher, recall) as query:
        path = subscriber_of_the_page(tmp_path, publisher.address, query.address)
        command, lines = [sys.executable, "-u", str(path)], list[str]()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                last = _stopped_and_caught_up(process, publisher, lines)
            finally:
                process.kill()
    assert [int(line.split()[1]) for line in lines] == list(range(2, last + 1))
    assert query.counts["answered"] > 1  # it asked for what it had lost

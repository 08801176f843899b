"""docs/feed.md: it says what the schemas say, and the subscriber in it works as it stands."""

from __future__ import annotations

import itertools
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zmq

from tests.endpoints import answering, wait_until
from tests.feed.serving import served as daemon
from tests.io.test_publisher import BEAT, ESTIMATE
from tests.process_lines import Lines, lines_of
from tests.support import ROOT, free_port
from tests.test_overview import answer, overview_of, pipeline_of
from umamba_rt.config.endpoints import HistoryConfig, PublisherConfig
from umamba_rt.config.seedlink import SeedLinkConfig
from umamba_rt.history import ENTRY_BYTES
from umamba_rt.io.publisher import Publisher
from umamba_rt.io.query import QueryEndpoint
from umamba_rt.io.seedlink import SeedLinkReader
from umamba_rt.recall import Recall
from umamba_rt.wire.history_record import Entry, encode_record
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
        assert cells[3] in ("always", "may be null", "not always", "not always, may be null"), row
        assert cells[4].removesuffix("|").strip(), row
        if "not always" in cells[3]:
            assert re.search(r"There only (where|in)|Absent only in", cells[4]), row
        if "may be null" in cells[3]:
            assert "null" in cells[4], row
    for field in ("seq", "topic_seq", "session", "sent_at", "schema"):
        assert told[field]


def test_every_request_of_the_history_is_told() -> None:
    publisher = Publisher("inproc://feed")
    recall = Recall(publisher, HistoryConfig(), None)
    for request in [*recall.handlers, "stations", "stats"]:
        assert f'"request": "{request}"' in PAGE
    recall.close()
    publisher.close()


def test_every_field_of_stations_and_stats_is_told() -> None:
    section = PAGE.split("## Ask how it is")[1].split("\n## ")[0]
    overview = overview_of(
        pipeline_of("ONE"), SeedLinkReader(SeedLinkConfig("127.0.0.1:1", ("*_*",)))
    )
    stations, stats = answer(overview, "stations"), answer(overview, "stats")
    told = set(re.findall(r"`([a-z_]+)`", section))
    assert set(stations["stations"][0]) | set(stations["stations"][0]["gaps"]) <= told
    assert set(stats) - {"session", "now"} | set(stats["servers"][0]) <= told
    publisher = Publisher("inproc://feed")
    recall = Recall(publisher, HistoryConfig(), None)
    assert set(recall.figures()) | {"history"} <= told
    recall.close()
    publisher.close()


def test_how_far_the_history_goes_back_follows_from_the_messages_of_the_page() -> None:
    """Of each sensor an estimate a second: bytes by the defaults, beside what each one costs."""
    v2, v1 = (
        len((ROOT / f"docs/feed/magnitude.{name}.json").read_bytes()) for name in ("v2", "v1")
    )
    on_disk = len(encode_record(Entry("magnitude.v2.CI.CCC.--.HH", 1, 1, b"")))
    history = HistoryConfig()
    rows = re.findall(r"\| (\d+) \|" + r" ([\d.]+) min \|" * 4, PAGE)
    assert [row[0] for row in rows] == ["10", "40", "300"]
    for sensors, *minutes in rows:
        found = []
        for disk, sizes in itertools.product((True, False), ([v2], [v2, v1])):
            a_second = sum(sizes) + len(sizes) * (on_disk if disk else ENTRY_BYTES)
            lasts_s = (history.disk_mb if disk else history.memory_mb) * 2**20 / a_second
            if not disk:
                lasts_s = min(lasts_s, history.memory_messages / len(sizes))
            found.append(lasts_s / int(sensors) / 60)
        assert [float(one) for one in minutes] == pytest.approx(found, rel=0.06)


@contextmanager
def served(
    publisher: Publisher, recall: Recall, address: str = "tcp://127.0.0.1:*"
) -> Iterator[QueryEndpoint]:
    """With the limits that a daemon has by default."""
    with answering(QueryEndpoint(address, recall.handlers)) as endpoint:
        yield endpoint


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    made = Publisher(PublisherConfig("tcp://127.0.0.1:*", high_water_mark=10))
    yield made
    made.close()


@pytest.fixture
def recall(publisher: Publisher) -> Iterator[Recall]:
    made = Recall(publisher, HistoryConfig(), None)
    yield made
    made.close()


def subscriber_of_the_page(tmp_path: Path, feed: str, query: str) -> AbstractContextManager[Lines]:
    """Its code as it stands there, for estimates from other addresses."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    told = 'FEED, QUERY, TOPIC = "tcp://127.0.0.1:5560", "tcp://127.0.0.1:5561", "event."'
    assert told in code
    path = tmp_path / "subscriber.py"
    here = f'FEED, QUERY, TOPIC = "{feed}", "{query}", "magnitude."'
    path.write_text(code.replace(told, here), encoding="utf-8")
    return lines_of([sys.executable, "-u", str(path)])


def told_by(running: Lines) -> list[int]:
    """Of the messages that it has told of."""
    return [int(line.split()[1]) for line in running.lines]


def beating_until(publisher: Publisher, reached: Callable[[], bool]) -> None:
    """Send heartbeats, alone, until something is there."""

    def is_there() -> bool:
        publisher.send(BEAT)
        time.sleep(0.05)
        return reached()

    wait_until(is_there, 60)


def test_subscriber_of_the_page_has_all_messages_though_it_was_stopped(
    tmp_path: Path, publisher: Publisher, recall: Recall
) -> None:
    """It joins late, stands still until messages for it are dropped, and has each one once.

    The last one is lost, too, and nothing follows it in its topic.
    """
    sent = [publisher.send(ESTIMATE)]
    with (
        served(publisher, recall) as query,
        subscriber_of_the_page(tmp_path, publisher.address, query.address) as running,
    ):
        beating_until(publisher, lambda: told_by(running) == sent)  # of the snapshot
        running.process.send_signal(signal.SIGSTOP)
        long = replace(ESTIMATE, evolution=Evolution("", 0.1, [1.23456] * 20_000, 0.0))
        sent += [publisher.send(long) for _ in range(150)]
        running.process.send_signal(signal.SIGCONT)
        beating_until(publisher, lambda: len(told_by(running)) >= len(sent))
        sent.append(publisher.send(ESTIMATE))
        beating_until(publisher, lambda: len(told_by(running)) >= len(sent))
        assert told_by(running) == sent
        assert query.counts["refused_too_many"] > 0


def test_subscriber_of_the_page_asks_again_when_a_daemon_died_with_its_question(
    tmp_path: Path, publisher: Publisher, recall: Recall
) -> None:
    sent = [publisher.send(ESTIMATE)]
    context = zmq.Context()
    dying = context.socket(zmq.ROUTER)
    address = f"tcp://127.0.0.1:{dying.bind_to_random_port('tcp://127.0.0.1')}"
    with subscriber_of_the_page(tmp_path, publisher.address, address) as running:
        beating_until(publisher, lambda: bool(dying.poll(0)))
        context.destroy(linger=0)
        with served(publisher, recall, address):
            wait_until(lambda: told_by(running) == sent)


def test_subscriber_of_the_page_has_both_sessions_around_a_restart(tmp_path: Path) -> None:
    """What the first one sent last and the second one sent first comes from the history."""
    query = f"tcp://127.0.0.1:{free_port()}"
    feed = f"tcp://127.0.0.1:{free_port()}"
    with subscriber_of_the_page(tmp_path, feed, query) as running:
        for session in range(2):
            with daemon(tmp_path / "state", feed=feed, query=query) as one:
                if session == 0:
                    one.publisher.send(ESTIMATE)
                    beating_until(one.publisher, lambda: len(told_by(running)) == 1)
                    running.process.send_signal(signal.SIGSTOP)
                    one.publisher.send(ESTIMATE)
                else:
                    numbers = [one.publisher.send(ESTIMATE) for _ in range(2)]
                    running.process.send_signal(signal.SIGCONT)
                    beating_until(one.publisher, lambda: len(told_by(running)) >= 4)
                    assert told_by(running)[2:] == numbers
                    assert told_by(running)[0] < told_by(running)[1]

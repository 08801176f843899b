"""A real publisher, history and query endpoint in a thread, without models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tests.endpoints import answering
from umamba_rt.config.endpoints import HistoryConfig, PublisherConfig
from umamba_rt.io.publisher import Publisher
from umamba_rt.io.query import QueryEndpoint
from umamba_rt.recall import Recall


@dataclass(frozen=True, slots=True)
class Note:
    """A small message."""

    schema: ClassVar[str] = "umamba-rt/note/1"
    name: str
    value: int
    state: str = "open"

    @property
    def topic(self) -> str:
        return self.name


@dataclass(slots=True)
class Served:
    """What runs."""

    publisher: Publisher
    recall: Recall
    endpoint: QueryEndpoint

    @property
    def feed(self) -> str:
        return self.publisher.address

    @property
    def query(self) -> str:
        return self.endpoint.address

    def send(self, name: str, value: int = 0, state: str = "open") -> int:
        return self.publisher.send(Note(name, value, state))


@contextmanager
def asked(recall: Recall, query: str, requests_hz: float = 1000.0) -> Iterator[QueryEndpoint]:
    """The history answers at an address until the block ends."""
    endpoint = QueryEndpoint(query, recall.handlers, requests_hz=requests_hz)
    with answering(endpoint):
        yield endpoint


@contextmanager
def served(
    directory: Path | None = None,
    *,
    feed: str = "tcp://127.0.0.1:*",
    query: str = "tcp://127.0.0.1:*",
    high_water_mark: int = 10_000,
    requests_hz: float = 1000.0,
    memory_messages: int = 50_000,
    disk_mb: int = 64,
) -> Iterator[Served]:
    """From before the first message until the block ends."""
    publisher = Publisher(PublisherConfig(address=feed, high_water_mark=high_water_mark))
    config = HistoryConfig(memory_messages=memory_messages, disk_mb=disk_mb)
    recall = Recall(publisher, config, directory)
    try:
        with asked(recall, query, requests_hz) as endpoint:
            yield Served(publisher, recall, endpoint)
    finally:
        recall.close()
        publisher.close()

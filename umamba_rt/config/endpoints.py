"""What the configuration says of the ZeroMQ endpoints and of the messages kept for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from umamba_rt.config.access import CURVE, OPEN
from umamba_rt.config.table import key
from umamba_rt.defaults import FEED_ADDRESS, QUERY_ADDRESS

_ADDRESS = re.compile(r"tcp://[^\s@]+:(\d{1,5}|\*)|(ipc|inproc)://[^\0]+")


@dataclass(frozen=True, slots=True)
class PublisherConfig:
    """An address of the ZeroMQ feed; the block may be repeated."""

    address: str = key(
        "where to bind",
        FEED_ADDRESS,
        pattern=_ADDRESS,
        shape="tcp://HOST:PORT, ipc://PATH or inproc://NAME",
    )
    format: Literal["json", "msgpack"] = key("of the messages' bodies", "json")
    topics: tuple[str, ...] = key(
        'beginnings of the topics that it carries, as in "event." and "heartbeat"; none: all',
        (),
        pattern=re.compile(r"[!-~]{1,200}"),
        shape='beginnings of topics, as in "magnitude.v2.CI."',
    )
    high_water_mark: int = key(
        "messages kept for a slow subscriber before it loses some", 10000, low=1, high=10**7
    )
    curve: bool = key(CURVE, False)
    insecure_public: bool = key(OPEN, False)


@dataclass(frozen=True, slots=True)
class QueryConfig:
    """The ZeroMQ endpoint that answers ``umamba-rt stations`` and other questions."""

    address: str = key(
        "where to bind. Empty: off",
        QUERY_ADDRESS,
        pattern=re.compile(f"({_ADDRESS.pattern})?"),
        shape="tcp://HOST:PORT, ipc://PATH, inproc://NAME or nothing",
    )
    requests_hz: float = key(
        "what each client may ask for a second; twice that may come at once",
        20.0,
        low=0.1,
        high=100000,
    )
    curve: bool = key(CURVE, False)
    insecure_public: bool = key(OPEN, False)


@dataclass(frozen=True, slots=True)
class HistoryConfig:
    """Messages kept for subscribers that join late or lost some, who ask for them at [query]."""

    memory_messages: int = key("most messages kept in memory", 50000, low=1, high=10**7)
    memory_mb: int = key("and what they may take there", 64, low=1, high=65536)
    disk_mb: int = key(
        "beyond that in the state directory, where one is kept; the oldest are deleted. 0: none.\n"
        "A message takes 1 kB, one of V1 3 kB: 110 minutes of 40 stations at 1 Hz, 27 with V1",
        256,
        low=0,
        high=1048576,
    )

"""Subscribers of the feed's soak: what they get, and how late."""

from __future__ import annotations

import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

import zmq

from umamba_rt.feed import Subscriber

_SLOW_S = 0.01  # a slow one takes 100 messages a second
_BINS = 5000  # of 1 ms
_NUMBERS = re.compile(rb'"seq":(\d+),"topic_seq":\d+,"sent_at":"([^"]+)"')
_PATIENCE_S = 120.0
_MOST_BEHIND_S = 1500.0


class Tally:
    """What a subscriber got, by the messages' numbers."""

    def __init__(self) -> None:
        self._got = bytearray()
        self._bins = [0] * _BINS
        self._first = self._twice = 0

    def take(self, seq: int, sent_at: str) -> None:
        """Count a message that has come now."""
        now_s = time.time()
        self._first = self._first or seq
        if seq >= len(self._got):
            self._got.extend(bytes(seq + 1000 - len(self._got)))
        self._twice += self._got[seq]
        self._got[seq] = 1
        sent_s = datetime.fromisoformat(sent_at).timestamp()
        self._bins[min(_BINS - 1, max(0, int((now_s - sent_s) * 1000)))] += 1

    def lost(self, total: int) -> int:
        """How many of all messages have not come since the first one that has."""
        return total - self._first + 1 - sum(self._got[self._first : total + 1])

    def result(self, total: int, **more: int) -> dict[str, Any]:
        """All of it, as JSON's own types."""
        return {"lost": self.lost(total), "twice": self._twice, "bins": self._bins, **more}


def listen(feed: str) -> dict[str, Any]:
    """One bare subscriber; gives what it got."""
    tally = Tally()
    context = zmq.Context()
    with context, context.socket(zmq.SUB) as heard:
        heard.set(zmq.SUBSCRIBE, b"")
        heard.set(zmq.RCVTIMEO, round(_PATIENCE_S * 1000))
        heard.connect(feed)
        while True:
            topic, body = heard.recv_multipart()
            if topic == b"end":
                return tally.result(json.loads(body)["total"])
            found = _NUMBERS.search(body)
            assert found is not None, body
            tally.take(int(found[1]), found[2].decode())


def subscribe(feed: str, query: str, slow_s: float) -> dict[str, Any]:
    """One of ours, slow for so long; gives what it got."""
    tally, total, begun_s = Tally(), None, time.monotonic()
    with Subscriber(feed, query_address=query, timeout_s=_PATIENCE_S, check_s=5.0) as messages:
        for message in messages:
            if message.topic == "end":
                total = message.body["total"]
            else:
                tally.take(message.seq, message.body["sent_at"])
                if time.monotonic() - begun_s < slow_s:
                    time.sleep(_SLOW_S)
            late = time.monotonic() - begun_s > slow_s + _MOST_BEHIND_S
            if late or (total is not None and tally.lost(total) == 0):
                break
        names = ("recovered", "missed", "unanswered")
        if total is None:
            raise RuntimeError("the feed's end was not heard")
        return tally.result(total, **{name: getattr(messages, name) for name in names})


def follow(kind: str, count: int, feed: str, query: str, lasts_s: float, pipe: Connection) -> None:
    """A process of so many subscribers; sends their results."""
    if kind in {"slow", "stopped"}:
        os.nice(19)
    slow_s = lasts_s * 2 / 3 if kind == "slow" else 0.0
    with ThreadPoolExecutor(count) as threads:
        jobs = [
            threads.submit(listen, feed)
            if kind == "bare"
            else threads.submit(subscribe, feed, query, slow_s)
            for _ in range(count)
        ]
        pipe.send([job.result() for job in jobs])

#!/usr/bin/env python3
"""The feed in plain Python with pyzmq alone: a line for each estimate, lost ones fetched."""

import json
import sys
from typing import Any

import zmq

FEED, QUERY = [*sys.argv[1:], "tcp://127.0.0.1:5560", "tcp://127.0.0.1:5561"][:2]
context = zmq.Context()
feed, daemon = context.socket(zmq.SUB), context.socket(zmq.REQ)
feed.setsockopt(zmq.SUBSCRIBE, b"magnitude.")
feed.connect(FEED)
daemon.connect(QUERY)
last: dict[tuple[str, str], tuple[int, int]] = {}  # numbers of each topic's last message
while True:
    topic, raw = (frame.decode() for frame in feed.recv_multipart())
    body: Any = json.loads(raw)
    number, seq = last.get((topic, body["session"]), (body["topic_seq"] - 1, 0))
    bodies: list[Any] = []
    while body["topic_seq"] > number + 1 + len(bodies):  # a gap: ask for what lies behind
        after = bodies[-1]["seq"] if bodies else seq
        daemon.send_json({"request": "since", "seq": after, "topics": [topic]})
        answer: Any = daemon.recv_json()
        rows = [row["body"] for row in answer["messages"] if row["topic"] == topic]
        if not rows:  # it has left the daemon's history
            break
        bodies += rows
    for one in [*bodies, body]:
        if one["topic_seq"] > number:
            number, seq = one["topic_seq"], one["seq"]
            print(topic, one["window_end"], f"{one['magnitude']:.2f}", flush=True)
    last[topic, body["session"]] = number, seq

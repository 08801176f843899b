#!/usr/bin/env python3
"""The feed in plain Python with pyzmq alone: a line for each estimate, lost ones fetched.

    bridge_plain.py [FEED [QUERY]]

It hears all topics, so that a jump of ``seq`` is a loss, and begins with what it hears first. What
it missed, over a restart of the daemon, too, comes from the history. Not to be had is what has left
that, which stderr is told, and what a killed daemon sent last, if it had not arrived (0.2 s).
"""

import json
import sys
import time
from typing import Any

import zmq

FEED, QUERY = [*sys.argv[1:], "tcp://127.0.0.1:5560", "tcp://127.0.0.1:5561"][:2]
context = zmq.Context()
feed = context.socket(zmq.SUB)
feed.setsockopt(zmq.SUBSCRIBE, b"")
feed.connect(FEED)
asking: list[zmq.Socket[bytes]] = []  # the socket for questions
done: dict[str, int] = {}  # each session, and the number up to which its estimates are printed


def ask(**request: Any) -> Any:
    """The answer; asked for again where none comes in 3 s, or later where we ask too often."""
    while True:
        if not asking:
            asking.append(context.socket(zmq.REQ))
            asking[0].connect(QUERY)
        asking[0].send_json(request)
        if not asking[0].poll(3000):  # the daemon may have ended; this REQ would wait for ever
            asking.pop().close(linger=0)
            print(f"no answer from {QUERY}, asking again", file=sys.stderr)
            continue
        answer: Any = asking[0].recv_json()
        if "error" not in answer:
            return answer
        if answer["error"]["code"] != "too-many":
            sys.exit(answer["error"]["message"])
        time.sleep(0.5)


def take(topic: str, body: Any) -> None:
    """Print an estimate, once."""
    if body["seq"] <= done.get(body["session"], 0):
        return  # it was fetched
    done[body["session"]] = body["seq"]
    if topic.startswith("magnitude."):
        print(topic, body["window_end"], f"{body['magnitude']:.2f}", flush=True)


def fetch(session: str, seq: int) -> None:
    """Take all that lies behind a number, and all of later sessions."""
    more = True
    while more:
        page = ask(request="since", session=session, seq=seq, topics=["magnitude."])
        if page["gone"]:
            print(f"some behind {seq} of session {session} are lost", file=sys.stderr)
        for row in page["messages"]:
            take(**row)
        session, seq, more = page["next"]["session"], page["next"]["seq"], page["more"]
        done[session] = max(seq, done.get(session, 0))


while True:
    topic, raw = (frame.decode() for frame in feed.recv_multipart())
    body: Any = json.loads(raw)
    if done and body["seq"] > done.get(body["session"], -1) + 1:  # missed some, or a new session
        fetch(*list(done.items())[-1])
    take(topic, body)

"""``umamba-rt play``: send a recording of the feed again, as it was sent."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import zmq

from umamba_rt.errors import UnavailableError
from umamba_rt.io.recording import read_recording

_LINGER_MS = 5000


def play(path: Path, address: str, *, speed: float, wait: bool) -> int:
    """Send each message of a recording, in its turn; returns 0.

    The bodies are those that were recorded, numbers and times included: a subscriber that had them
    hands none out twice.

    Args:
        path: of ``umamba-rt listen --record``.
        address: where to bind.
        speed: how much faster than it was; infinite: as fast as the subscribers read.
        wait: begin when somebody subscribes.

    Raises:
        UnavailableError: the file cannot be read or is none, or the address cannot be bound.
    """
    context = zmq.Context()
    socket = context.socket(zmq.XPUB)
    socket.set(zmq.LINGER, _LINGER_MS)
    socket.set(zmq.XPUB_NODROP, 1)  # a slow subscriber holds the recording up
    socket.set(zmq.IPV6, int("[" in address))
    try:
        socket.bind(address)
        print(f"playing {path} at {socket.get_string(zmq.LAST_ENDPOINT)}", flush=True)
        if wait:
            socket.recv()
        sent = _send_all(path, socket, speed)
    except zmq.ZMQError as error:
        raise UnavailableError(address, str(error)) from error
    except OSError as error:
        raise UnavailableError(str(path), str(error)) from error
    finally:
        socket.close()
        context.term()
    print(f"{sent} messages sent", flush=True)
    return 0


def _send_all(path: Path, socket: zmq.Socket[bytes], speed: float) -> int:
    sent, first_ns, begun_s = 0, None, time.monotonic()
    damages: list[str] = []

    def tell(damage: str) -> None:
        damages.append(damage)
        print(damage, file=sys.stderr)

    for message in read_recording(path, tell):
        first_ns = message.sent_ns if first_ns is None else first_ns
        # What was fetched from a history stands late in the file: it goes at once.
        due_s = begun_s + (message.sent_ns - first_ns) / 1e9 / speed
        time.sleep(max(0.0, due_s - time.monotonic()))
        socket.send_multipart([message.topic.encode(), message.body])
        sent += 1
    if damages and not sent:
        raise UnavailableError(str(path), "no recording: no line of it is a message")
    return sent

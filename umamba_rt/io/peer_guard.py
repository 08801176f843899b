"""Hangs up on peers of a ZeroMQ socket that send too much, read nothing, or are too many.

libzmq keeps an unfinished message of many frames whole, whatever its high-water mark and
``MAXMSGSIZE`` say: a peer that never ends one fills the memory (measured on loopback: 700 MB/s on
a ROUTER, 200 MB/s on an XPUB with frames of 250 bytes). And it takes connections until the
process has no file descriptor left, for its state files neither. What it holds for a peer that
does not read has a limit for each peer, and none for all.
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import structlog
import zmq
from zmq.utils.monitor import parse_monitor_message

from umamba_rt.rate_limit import RateLimit

_EVENTS = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED | zmq.EVENT_MONITOR_STOPPED
# 700 MB/s make 35 MB in this time.
_LOOK_S = 0.05
_IDLE_S = 1.0
# Events read before the peers are looked at: more than libzmq keeps.
_MAX_EVENTS = 5000
# Peers of one socket: each takes two of the process's descriptors.
_MAX_PEERS = 1000
_SHARE_OF_DESCRIPTORS = 8
# struct tcp_info, Linux 4.6 and later: tcpi_bytes_acked, tcpi_bytes_received, tcpi_notsent_bytes.
_TCP_INFO = struct.Struct("=120x Q Q 8x I")
_NO_FAREWELL = struct.pack("ii", 1, 0)
_LOG_S = 10.0


@dataclass(slots=True)
class _Peer:
    """A second handle on a connection, since when, and when it last took what waited for it."""

    socket: socket.socket
    since_s: float
    took: int
    took_s: float


class _Traffic(NamedTuple):
    """Bytes of a connection: what the peer sent and what it took, and what waits for it."""

    sent: int
    took: int
    waiting: int


class PeerGuard:
    """Watches the connections that a ZeroMQ socket accepts, in a thread of its own.

    Bytes are those of TCP: who may open an ``ipc`` file is a matter of its permissions. Where the
    system does not count a connection's bytes nothing is done about them.

    Attributes:
        dropped: peers hung up on so far, for what they sent or for being too many.

    Args:
        guarded: the socket, before it is bound.
        burst_bytes: what a peer may send at once.
        bytes_s: and as many bytes more in each second of the connection.
        unread_s: how long a peer may take nothing of what waits for it, s; None: for ever.
        max_peers: connections at a time; the latest beyond them are hung up on. None: a thousand,
            or an eighth of the files that the process may open.
        monotonic_s: the clock to go by, s.
    """

    def __init__(
        self,
        guarded: zmq.Socket[bytes],
        *,
        burst_bytes: float,
        bytes_s: float,
        unread_s: float | None = None,
        max_peers: int | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.dropped = 0
        self._guarded = guarded
        self._burst_bytes, self._bytes_s = burst_bytes, bytes_s
        self._unread_s = math.inf if unread_s is None else unread_s
        self._monotonic_s = monotonic_s
        self._max_peers = _peers_at_most() if max_peers is None else max_peers
        self._peers: dict[int, _Peer] = {}  # in the order of their coming
        self._all_asked = threading.Event()
        self._told = RateLimit(_LOG_S)
        self._log = structlog.get_logger()
        self._stopping = threading.Event()
        self._events = guarded.get_monitor_socket(_EVENTS)
        self._thread = threading.Thread(target=self._run, name="umamba-guard", daemon=True)
        self._thread.start()

    def hang_up(self) -> None:
        """End all connections that there are now, within a twentieth of a second."""
        self._all_asked.set()

    def close(self) -> None:
        """Stop watching; to be called before the socket is closed, by who owns it."""
        self._stopping.set()
        self._guarded.disable_monitor()  # the thread hears of it as of an event
        self._thread.join()
        self._events.close()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                wait_s = _LOOK_S if self._peers else _IDLE_S
                self._events.poll(round(wait_s * 1000))
                # Asked first: of a connection that was there by then the event waits, too.
                all_asked = self._all_asked.is_set()
                self._read_events()
                if all_asked:
                    self._all_asked.clear()
                    self._end(list(self._peers))
                self._end(list(self._peers)[self._max_peers :], "too_many_peers")
                self._look()
        finally:
            for number in list(self._peers):
                self._forget(number)

    def _read_events(self) -> None:
        for _ in range(_MAX_EVENTS):
            try:
                event = parse_monitor_message(self._events.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return
            self._take(event["event"], int(event["value"]), event["endpoint"].decode())

    def _take(self, event: int, number: int, endpoint: str) -> None:
        if event == zmq.EVENT_MONITOR_STOPPED:
            return
        self._forget(number)  # the number of a closed connection is used again
        if event != zmq.EVENT_ACCEPTED:
            return
        handle = handle_on_peer(number, endpoint)
        if handle is not None:
            now_s = self._monotonic_s()
            self._peers[number] = _Peer(handle, since_s=now_s, took=0, took_s=now_s)

    def _look(self) -> None:
        now_s = self._monotonic_s()
        for number, peer in list(self._peers.items()):
            traffic = _traffic(peer.socket)
            if traffic is None:
                continue
            if traffic.took != peer.took or not traffic.waiting:
                peer.took, peer.took_s = traffic.took, now_s
            if traffic.sent > self._burst_bytes + self._bytes_s * (now_s - peer.since_s):
                self._end([number], "too_many_bytes")
            elif now_s - peer.took_s > self._unread_s:
                self._end([number], "reads_nothing")

    def _end(self, numbers: list[int], fault: str = "") -> None:
        """Reset connections; with a fault they are counted and told of."""
        for number in numbers:
            peer = self._peers[number].socket
            name, traffic = _name(peer), _traffic(peer)
            self.dropped += bool(fault)
            with contextlib.suppress(OSError):
                # A reset: the peer would else go on asking a full buffer for room, for minutes.
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_FAREWELL)
                peer.shutdown(socket.SHUT_RDWR)
            self._forget(number)
            if fault and (events := self._told.passes()) is not None:
                sent = traffic and traffic.sent
                self._log.warning(
                    "peer_dropped", peer=name, reason=fault, bytes=sent, events=events
                )

    def _forget(self, number: int) -> None:
        peer = self._peers.pop(number, None)
        if peer is not None:
            peer.socket.close()  # libzmq's own handle closes the connection only with this one


def handle_on_peer(number: int, endpoint: str) -> socket.socket | None:
    """A second handle on a connection; None where it is gone, and the number another file's.

    Args:
        number: its descriptor.
        endpoint: where it was accepted: ``tcp://HOST:PORT`` or ``ipc://PATH``.
    """
    try:
        copy = os.dup(number)
    except OSError:
        return None
    try:
        handle = socket.socket(fileno=copy)
    except OSError:  # no socket
        os.close(copy)
        return None
    if _is_of(handle, endpoint):
        return handle
    handle.close()
    return None


def _is_of(handle: socket.socket, endpoint: str) -> bool:
    """By the port alone: of all addresses it is one."""
    transport, _, place = endpoint.partition("://")
    try:
        name = handle.getsockname()
    except OSError:
        return False
    if handle.family == socket.AF_UNIX:
        # An abstract socket's name begins with NUL; libzmq writes ``@``.
        path = name if isinstance(name, str) else "@" + os.fsdecode(name[1:])
        return transport == "ipc" and path == place
    is_ip = handle.family in (socket.AF_INET, socket.AF_INET6)
    return is_ip and transport == "tcp" and str(name[1]) == place.rpartition(":")[2]


def _peers_at_most() -> int:
    may_open = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MAX_PEERS if may_open < 0 else min(_MAX_PEERS, may_open // _SHARE_OF_DESCRIPTORS)


def _name(handle: socket.socket) -> str:
    with contextlib.suppress(OSError):
        if handle.family in (socket.AF_INET, socket.AF_INET6):
            return str(handle.getpeername()[0])
    return "unknown"


def _traffic(handle: socket.socket) -> _Traffic | None:
    """What has passed over a connection, or None where the system does not say."""
    try:
        info = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    except OSError:
        return None
    if len(info) < _TCP_INFO.size:
        return None
    took, sent, waiting = _TCP_INFO.unpack(info)
    return _Traffic(sent, took, waiting)

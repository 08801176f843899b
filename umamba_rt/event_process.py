"""Events in a process of their own: what they reckon takes no turn from estimates.

A search for a source among a hundred onsets takes 4 ms, and with 300 stations in a swarm there are
ten a second and more. In a thread they took the interpreter 3,000 times a second from the one that
takes in packets.

See `umamba_rt.event_server` for the other end.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from umamba_rt.config.events import EventsConfig
from umamba_rt.core.estimate import ModelIdentity
from umamba_rt.core.event_state import SavedEvents
from umamba_rt.core.inventory import Inventory
from umamba_rt.core.station_event import Reading
from umamba_rt.events import Note, Told

_END_S = 1.0
# Without a byte taken or given; the longest answers, from what an earlier run left, take a second.
_ANSWER_S = 60.0


class ProcessLostError(Exception):
    """The process is gone, and with it what it held."""


class EventProcess:
    """`Events` over there; each call waits for the answer, a minute at most.

    One that hangs is killed, and is lost as one that ended. For one thread, but for ``kill``.

    Attributes:
        has_begun: whether it can be asked to read.
    """

    def __init__(self, config: EventsConfig, inventory: Inventory, identity: ModelIdentity) -> None:
        """Prepare; see ``Events``."""
        self._config, self._inventory, self._identity = config, inventory, identity
        self.has_begun = False
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection[Any, Any] | None = None

    @property
    def pid(self) -> int | None:
        """The process; None where none runs."""
        return self._process.pid if self._process else None

    def load(self) -> None:
        """Begin the process, and do not wait until it has: that takes half a second.

        Raises:
            ProcessLostError: it cannot begin.
        """
        self.close()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            # By the kernel: a hung process may take half a request, or give half an answer.
            limit = struct.pack("ll", int(_ANSWER_S), round(_ANSWER_S % 1 * 1e6))
            for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
                ours.setsockopt(socket.SOL_SOCKET, option, limit)
            words = [sys.executable, "-m", "umamba_rt.event_server", str(theirs.fileno())]
            try:
                self._process = subprocess.Popen(words, pass_fds=[theirs.fileno()])  # noqa: S603 - our own words
            except OSError as error:
                raise ProcessLostError(str(error)) from error
            self._pipe = Connection(ours.detach())

    def start(self, saved: SavedEvents, readings: Sequence[Reading]) -> Told:
        """Begin, with what has been read so far.

        Args:
            saved: where events were.
            readings: what they have read since.

        Returns:
            Failures alone: what these made due has been told.

        Raises:
            ProcessLostError: it cannot begin.
        """
        if self._pipe is None or self.has_begun:
            self.load()
        about = self._config, self._inventory, self._identity
        told = self._told("begin", *about, saved, readings)
        self.has_begun = True
        return told

    def adopt(self, config: EventsConfig, inventory: Inventory) -> None:
        """Go by other rules and places from the next estimate on, as each later process does.

        Raises:
            ProcessLostError: it is gone.
        """
        self._config, self._inventory = config, inventory
        if self.has_begun:
            self._call("adopt", config, inventory)

    def read(self, notes: Sequence[Note]) -> Told:
        """Take estimates.

        Raises:
            ProcessLostError: and nobody knows how far it came.
        """
        return self._told("read", notes)

    def told_again(self) -> Told:
        """What subscribers are told once more.

        Raises:
            ProcessLostError: it is gone.
        """
        return self._told("told_again")

    def saved(self) -> SavedEvents:
        """Where the events are.

        Raises:
            ProcessLostError: it is gone.
        """
        saved: SavedEvents = self._call("saved")
        return saved

    def finish(self) -> Told:
        """What waits for stations that lag: none will come.

        Raises:
            ProcessLostError: it is gone.
        """
        return self._told("finish")

    def kill(self) -> None:
        """End it at once; a call that waits fails. From any thread."""
        process = self._process  # another thread may let go of it
        if process:
            process.kill()

    def close(self) -> None:
        """Let it end."""
        self.has_begun = False
        if self._pipe:
            self._pipe.close()
            self._pipe = None
        if self._process:
            try:
                self._process.wait(_END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _told(self, name: str, *arguments: object) -> Told:
        told: Told = self._call(name, *arguments)
        return told

    def _call(self, name: str, *arguments: object) -> Any:
        if self._pipe is None:
            raise ProcessLostError("none runs")
        try:
            self._pipe.send((name, arguments))
            return self._pipe.recv()
        except BlockingIOError as error:
            self.kill()
            self.close()
            raise ProcessLostError(f"no answer within {_ANSWER_S:g} s") from error
        except Exception as error:  # the end of the pipe, or what cannot be made of its bytes
            self.close()
            raise ProcessLostError(f"{type(error).__name__}: {error}") from error
